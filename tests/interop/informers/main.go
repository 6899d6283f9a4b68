// interop-informers runs informers of client-go and of controller-runtime in pairs: one on the API server, one on tarn's read
// API, over the same changes. Afterwards they must have the same objects, and must have been told what makes sense.
//
//	interop-informers -server KUBECONFIG -tarn KUBECONFIG|unix:PATH -control HOST:PORT [-only REGEX] [-copies N] [-alone]
//
// It runs until POST /end. POST /compare waits until all have what the server has; then each object must be the same on both
// sides, no handler may ever have been told nonsense (recorder.go), and with ?exact every object's events since the last compare
// must be the same on both sides: kinds, versions and contents, less changes that another followed at once (pair.go). GET /events tells how many were told.
// -copies N: so many informers on tarn in each pair; -alone: none on the server. Streaming lists are client-go's own switch,
// KUBE_FEATURE_WatchListClient.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop-informers:", err)
		os.Exit(1)
	}
}

// config is a kubeconfig's, or one for the Unix socket: all that a program changes to use it is the dialer.
func config(where string) *rest.Config {
	cfg := &rest.Config{Host: "http://localhost"}
	if path, ok := strings.CutPrefix(where, "unix:"); ok {
		cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	} else {
		var err error
		cfg, err = clientcmd.BuildConfigFromFlags("", where)
		must(err)
	}
	cfg.QPS = -1
	return cfg
}

func start(ctx context.Context, server, tarn *rest.Config, only string, copies int, alone bool) (pairs []*pair) {
	wanted := regexp.MustCompile(only)
	for _, f := range followers {
		if wanted.MatchString(f.name) {
			p, err := f.pair(ctx, server, tarn, copies, alone)
			must(err)
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// compare answers 200 with what was compared, or 409 with what is wrong.
func compare(w http.ResponseWriter, r *http.Request, pairs []*pair, server *rest.Config) {
	ctx, cancel := context.WithTimeout(r.Context(), 150*time.Second)
	defer cancel()
	var wrong []string
	text := ""
	for _, p := range pairs {
		told := p.sides[len(p.sides)-1].told.total()
		wrong = append(wrong, p.compare(ctx, server, r.URL.Query().Has("exact"))...)
		text += fmt.Sprintf("%s: %d objects after %d events, %d merged\n", p.name, len(p.sides[0].list()), told, p.merged)
	}
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusConflict)
		text = strings.Join(wrong[:min(len(wrong), 30)], "\n") + "\n"
	}
	fmt.Fprint(w, text)
}

func main() {
	serverConfig := flag.String("server", "", "kubeconfig of the API server")
	tarnConfig := flag.String("tarn", "", "kubeconfig of tarn's read API, or unix:PATH")
	control := flag.String("control", "127.0.0.1:0", "where it is told what to do")
	only := flag.String("only", ".", "only the pairs whose names fit")
	copies := flag.Int("copies", 1, "informers on tarn in each pair")
	alone := flag.Bool("alone", false, "no informers on the API server")
	flag.Parse()
	klog.SetOutput(os.Stderr)
	ctx, cancel := context.WithCancel(context.Background())
	server, tarn := config(*serverConfig), config(*tarnConfig)
	pairs := start(ctx, server, tarn, *only, *copies, *alone)
	http.HandleFunc("POST /compare", func(w http.ResponseWriter, r *http.Request) { compare(w, r, pairs, server) })
	http.HandleFunc("GET /events", func(w http.ResponseWriter, _ *http.Request) {
		for _, p := range pairs {
			for _, s := range p.sides {
				fmt.Fprintf(w, "%s: %s: %d\n", p.name, s.who, s.told.total())
			}
		}
	})
	ended := make(chan struct{})
	http.HandleFunc("POST /end", func(http.ResponseWriter, *http.Request) { close(ended) })
	listener, err := net.Listen("tcp", *control)
	must(err)
	go func() { must(http.Serve(listener, nil)) }()
	<-ended
	cancel()
	time.Sleep(100 * time.Millisecond) // for the answer
}
