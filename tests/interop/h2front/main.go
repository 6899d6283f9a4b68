// h2front speaks HTTP/2 over TLS and passes everything on to a server that speaks HTTP/1.1, for tests/e2e/test_http2.sh: our simulator has no HTTP/2.
//
//	h2front CERT KEY TARGET-URL PORT-FILE LOG
//
// Each request is a line in LOG: the protocol, the address it came from, the path.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
)

func main() {
	target, err := url.Parse(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	lines, err := os.Create(os.Args[5])
	if err != nil {
		log.Fatal(err)
	}
	var lock sync.Mutex
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(os.Args[4], []byte(port), 0o600); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ServeTLS(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		fmt.Fprintln(lines, r.Proto, r.RemoteAddr, r.URL.Path)
		lock.Unlock()
		proxy.ServeHTTP(w, r)
	}), os.Args[1], os.Args[2]))
}
