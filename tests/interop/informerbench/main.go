// informerbench is what tools/bench runs beside tarn: the informers that a program would have instead.
//
//	informerbench decode -list FILE -pods N            CPU of decoding a list of N pods: JSON typed, unstructured, protobuf
//	informerbench store -list FILE -pods N             get and a label selector over a store of N pods; memory a pod
//	informerbench informer -server URL -kind KIND      one informer (typed, unstructured) of pods; tells when it has synced
//	                                                   and what it costs, then stays until its input ends
//
// Each line of output is "WHO<tab>WHAT<tab>N<tab>VALUE<tab>UNIT".
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func say(who, what string, n int, value float64, unit string) {
	fmt.Printf("%s\t%s\t%d\t%.3f\t%s\n", who, what, n, value, unit)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "informerbench:", err)
		os.Exit(1)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss is the resident memory in MiB after what is garbage went back to the system.
func rss() float64 {
	var size, resident int64
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	_, err = fmt.Sscan(string(text), &size, &resident)
	must(err)
	return float64(resident) * float64(os.Getpagesize()) / (1 << 20)
}

// recorded is the items of a list from a file, over and over under names of their own: n typed pods.
func recorded(file string, n int, managedFields bool) []v1.Pod {
	var list struct{ Items []json.RawMessage }
	text, err := os.ReadFile(file)
	must(err)
	must(json.Unmarshal(text, &list))
	pods := make([]v1.Pod, n)
	for i := range pods {
		must(json.Unmarshal(list.Items[i%len(list.Items)], &pods[i]))
		pods[i].Name = fmt.Sprint("web-", i)
		pods[i].Labels = map[string]string{"app": fmt.Sprint("app-", i%1000), "tier": "front", "pod-template-hash": "6b7f6d9c5f"}
		pods[i].TypeMeta.Kind, pods[i].TypeMeta.APIVersion = "Pod", "v1"
		if !managedFields {
			pods[i].ManagedFields = nil
		}
	}
	return pods
}

// decodes tells the CPU of f for each of n objects, the best of several passes with the garbage of each collected inside.
func decodes(who string, n int, f func()) {
	least := time.Duration(0)
	for range 3 {
		begin := cpu()
		f()
		runtime.GC()
		if took := cpu() - begin; least == 0 || took < least {
			least = took
		}
	}
	say(who, "LIST decoded, CPU a pod", n, float64(least.Nanoseconds())/float64(n), "ns")
}

func decode(file string, n int) {
	list := v1.PodList{Items: recorded(file, n, true)}
	list.Kind, list.APIVersion, list.ResourceVersion = "PodList", "v1", "1"
	text, err := json.Marshal(&list)
	must(err)
	var binary bytes.Buffer
	must(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(&list, &binary))
	list.Items = nil
	decoder := scheme.Codecs.UniversalDeserializer()
	decodes("client-go typed", n, func() {
		_, _, err := decoder.Decode(text, nil, nil)
		must(err)
	})
	decodes("client-go unstr.", n, func() {
		var l unstructured.UnstructuredList
		must(l.UnmarshalJSON(text))
	})
	decodes("client-go proto", n, func() {
		_, _, err := decoder.Decode(binary.Bytes(), nil, nil)
		must(err)
	})
}

func indexer() cache.Indexer {
	return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
}

func percentiles(who, what string, n int, ns []int64) {
	sort.Slice(ns, func(i, j int) bool { return ns[i] < ns[j] })
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
		say(who, what+" "+q.name, n, float64(ns[int(float64(len(ns)-1)*q.at)]), "ns")
	}
}

// batch is how many keys are made before they are asked for: a program has just made or read the key it asks for.
const batch = 64

// asker hands out random keys in batches, with bytes of their own: those that the store keeps would be a cache miss that no program has.
type asker struct {
	keys []string
	x    uint64
}

func (a *asker) next() []string {
	out := make([]string, batch)
	for i := range out {
		a.x ^= a.x << 13
		a.x ^= a.x >> 7
		a.x ^= a.x << 17
		out[i] = strings.Clone(a.keys[a.x%uint64(len(a.keys))])
	}
	return out
}

func ask(s cache.Store, key string) {
	if p, found, _ := s.GetByKey(key); !found || p.(*v1.Pod).Name == "" {
		panic("lost")
	}
}

func gets(s cache.Store, n int) {
	const samples = 100000 / batch * batch
	a, ns, overhead := asker{s.ListKeys(), 42}, make([]int64, 0, samples), make([]int64, 0, samples)
	for len(ns) < samples {
		for _, key := range a.next() {
			begin := time.Now()
			ask(s, key)
			ns = append(ns, time.Since(begin).Nanoseconds())
			begin = time.Now()
			overhead = append(overhead, time.Since(begin).Nanoseconds())
		}
	}
	percentiles("client-go typed", "get", n, ns)
	sort.Slice(overhead, func(i, j int) bool { return overhead[i] < overhead[j] })
	say("(Go's clock)", "get p50", n, float64(overhead[len(overhead)/2]), "ns")
	least := time.Duration(0)
	for range 5 {
		spent := time.Duration(0)
		for range samples / batch / 4 {
			keys := a.next()
			begin := time.Now()
			for _, key := range keys {
				ask(s, key)
			}
			spent += time.Since(begin)
		}
		if least == 0 || spent < least {
			least = spent
		}
	}
	say("client-go typed", "get in a row, per object", n, float64(least.Nanoseconds())/(samples/batch/4*batch), "ns")
}

func selects(s cache.Indexer, n int) {
	one, err := labels.Parse("app=app-7")
	must(err)
	least := time.Duration(0)
	for range 5 {
		begin := time.Now()
		found, err := listers.NewPodLister(s).List(one)
		must(err)
		if took := time.Since(begin); least == 0 || took < least {
			least = took
		}
		if len(found) == 0 {
			panic("nothing was selected")
		}
	}
	say("client-go typed", "label selector, per object", n, float64(least.Nanoseconds())/float64(n), "ns")
}

func store(file string, n int) {
	empty := rss()
	pods, s := recorded(file, n, true), indexer()
	for i := range pods {
		p := pods[i]
		must(s.Add(&p))
	}
	pods = nil
	say("client-go typed", "resident memory, a pod", n, (rss()-empty)*(1<<20)/float64(n), "bytes")
	gets(s, n)
	selects(s, n)
}

func informer(server, kind string) {
	config := &rest.Config{Host: server, QPS: -1}
	stop := context.Background().Done()
	begin := time.Now()
	var i cache.SharedIndexInformer
	if kind == "typed" {
		client, err := kubernetes.NewForConfig(config)
		must(err)
		i = informers.NewSharedInformerFactory(client, 0).Core().V1().Pods().Informer()
	} else {
		client, err := dynamic.NewForConfig(config)
		must(err)
		i = dynamicinformer.NewDynamicSharedInformerFactory(client, 0).ForResource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Informer()
	}
	must(i.SetTransform(func(obj any) (any, error) {
		m, err := meta.Accessor(obj)
		if err == nil {
			m.SetManagedFields(nil)
		}
		return obj, nil
	}))
	go i.Run(stop)
	if !cache.WaitForCacheSync(stop, i.HasSynced) {
		os.Exit(1)
	}
	n, who := len(i.GetStore().ListKeys()), "client-go "+map[string]string{"typed": "typed", "unstructured": "unstr."}[kind]
	say(who, "attach", n, float64(time.Since(begin).Microseconds()), "us")
	say(who, "CPU to be synced", n, float64(cpu().Milliseconds()), "ms")
	say(who, "memory a pod", n, rss()*(1<<20)/float64(n), "bytes")
	say(who, "resident memory", n, rss(), "MiB")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: informerbench decode|store|informer ...")
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	list := flags.String("list", "", "a recorded list of pods")
	pods := flags.Int("pods", 10000, "how many")
	server := flags.String("server", "", "URL of the API server")
	kind := flags.String("kind", "typed", "typed or unstructured")
	must(flags.Parse(os.Args[2:]))
	switch os.Args[1] {
	case "decode":
		decode(*list, *pods)
	case "store":
		store(*list, *pods)
	case "informer":
		informer(*server, *kind)
	default:
		must(fmt.Errorf("unknown: %s", os.Args[1]))
	}
}
