// cachebench measures client-go's cache the way tools/bench/core.c measures ours, on the same objects.
//
//	cachebench -size N                   speed of stores and queues at N objects
//	cachebench -memory N -pods FILE      live bytes of N pods decoded from a recorded list
//
// Each line of output is "WHAT<tab>VALUE<tab>UNIT"; core.c reads them and prints the ratios.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// The shared recipe of a small pod; core.c has the same text.
const recipe = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-%d","namespace":"team-%d","uid":"5f0c9a52-0000-4000-8000-%012d",` +
	`"resourceVersion":"%d","labels":{"app":"app-%d","tier":"front"}},"spec":{"nodeName":"node-%d","containers":[{"name":"main",` +
	`"image":"registry.example/team/app:1.%d"}]},"status":{"phase":"Running","podIP":"10.0.%d.%d"}}`

func pod(i, version int) *v1.Pod {
	p := &v1.Pod{}
	text := fmt.Sprintf(recipe, i, i%50, i, version, i%200, i/100, i%30, i/250%250, i%250)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		panic(err)
	}
	return p
}

func say(what string, value float64, unit string) {
	fmt.Printf("%s\t%.3f\t%s\n", what, value, unit)
}

// timed reports the nanoseconds of one of n operations.
func timed(what string, n int, f func()) {
	runtime.GC()
	start := time.Now()
	f()
	say(what, float64(time.Since(start).Nanoseconds())/float64(n), "ns")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func byNode(obj any) ([]string, error) {
	return []string{obj.(*v1.Pod).Spec.NodeName}, nil
}

func indexer() cache.Indexer {
	return cache.NewIndexer(cache.MetaNamespaceKeyFunc,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc, "spec.nodeName": byNode})
}

// order is a random order, the same as core.c's: xorshift from the same seed.
func order(n, size int) []int {
	x, v := uint64(88172645463325252), make([]int, n)
	for i := range v {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		v[i] = int(x % uint64(size))
	}
	return v
}

func stores(objs, newer []*v1.Pod, rounds int) {
	size := len(objs)
	var s cache.Indexer
	timed("add", repeats(size)*size, func() {
		for range repeats(size) {
			s = indexer()
			for _, p := range objs {
				must(s.Add(p))
			}
		}
	})
	at := order(rounds, size)
	timed("get", rounds, func() {
		for _, i := range at {
			if _, found, _ := s.Get(objs[i]); !found {
				panic("lost")
			}
		}
	})
	keys := make([]string, size)
	for i, p := range objs {
		keys[i] = p.Namespace + "/" + p.Name
	}
	timed("get by key", rounds, func() {
		for _, i := range at {
			if _, found, _ := s.GetByKey(keys[i]); !found {
				panic("lost")
			}
		}
	})
	lists := 1 + 2000000/size
	timed("list, an object", lists*size, func() {
		for range lists {
			if len(s.List()) != size {
				panic("short")
			}
		}
	})
	nodes, found := (size+99)/100, 0
	start := time.Now()
	for i := range rounds / 50 {
		l, err := s.ByIndex("spec.nodeName", fmt.Sprint("node-", at[i]%nodes))
		must(err)
		found += len(l)
	}
	say("by index, an object", float64(time.Since(start).Nanoseconds())/float64(found), "ns")
	timed("update", rounds, func() {
		for k, i := range at {
			if k%2 == 0 {
				must(s.Update(newer[i]))
			} else {
				must(s.Update(objs[i]))
			}
		}
	})
}

// repeats is how often a small size is measured over.
func repeats(size int) int {
	return 1 + 200000/size
}

func queue(what string, size int, q cache.Queue, objs []*v1.Pod) {
	var took time.Duration
	runtime.GC()
	for range repeats(size) {
		for _, p := range objs {
			must(q.Add(p))
		}
		start := time.Now()
		for range objs {
			if _, err := q.Pop(func(any, bool) error { return nil }); err != nil {
				panic(err)
			}
		}
		took += time.Since(start)
	}
	say(what, float64(took.Nanoseconds())/float64(repeats(size)*size), "ns")
}

func queues(objs []*v1.Pod) {
	size := len(objs)
	queue("pop, FIFO", size, cache.NewFIFO(cache.MetaNamespaceKeyFunc), objs)
	queue("pop, DeltaFIFO", size, cache.NewDeltaFIFOWithOptions(cache.DeltaFIFOOptions{}), objs)
	queue("pop, RealFIFO", size, cache.NewRealFIFOWithOptions(cache.RealFIFOOptions{KeyFunction: cache.MetaNamespaceKeyFunc, AtomicEvents: true}), objs)
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// memory decodes n pods from the items of a recorded list, in turn, each under a name of its own.
func memory(file string, n int, managedFields bool) {
	var list struct{ Items []json.RawMessage }
	text, err := os.ReadFile(file)
	must(err)
	must(json.Unmarshal(text, &list))
	before := live()
	s := indexer()
	for i := range n {
		p := &v1.Pod{}
		must(json.Unmarshal(list.Items[i%len(list.Items)], p))
		p.Name = fmt.Sprintf("web-%d", i)
		if !managedFields {
			p.ManagedFields = nil
		}
		must(s.Add(p))
	}
	what := "memory, a pod"
	if !managedFields {
		what += " without managedFields"
	}
	say(what, float64(live()-before)/float64(n), "bytes")
	runtime.KeepAlive(s)
}

func main() {
	size := flag.Int("size", 0, "objects")
	pods := flag.Int("memory", 0, "pods to keep")
	file := flag.String("pods", "", "a recorded list of pods")
	flag.Parse()
	if *size > 0 {
		objs, newer := make([]*v1.Pod, *size), make([]*v1.Pod, *size)
		for i := range objs {
			objs[i], newer[i] = pod(i, i+1), pod(i, i+2)
		}
		stores(objs, newer, 1000000)
		queues(objs)
	}
	if *pods > 0 {
		memory(*file, *pods, true)
		memory(*file, *pods, false)
	}
}
