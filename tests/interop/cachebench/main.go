// cachebench measures client-go's cache the way tools/tarn-bench/core.c measures ours, on the same objects.
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

// The shared recipe of a modest pod; core.c has the same text.
const recipe = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-%d","namespace":"team-%d","uid":"5f0c9a52-0000-4000-8000-%012d",` +
	`"resourceVersion":"%d","creationTimestamp":"2026-01-05T10:00:00Z","labels":{"app":"app-%d","tier":"front","pod-template-hash":"6b7f6d9c5f"},` +
	`"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-6b7f6d9c5f","uid":"0d1c9a52-0000-4000-8000-000000000001","controller":true}]},` +
	`"spec":{"nodeName":"node-%d","serviceAccountName":"default","restartPolicy":"Always","containers":[{"name":"main",` +
	`"image":"registry.example/team/app:1.%d","env":[{"name":"MODE","value":"production"},{"name":"LEVEL","value":"info"}],` +
	`"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"resources":{"limits":{"cpu":"500m","memory":"256Mi"}}}]},` +
	`"status":{"phase":"Running","podIP":"10.0.%d.%d","hostIP":"10.1.0.7","qosClass":"Burstable","conditions":[` +
	`{"type":"Ready","status":"True","lastTransitionTime":"2026-01-05T10:00:09Z"},` +
	`{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-01-05T10:00:00Z"}]}}`

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

// A figure is the best of several passes, as in core.c.
const (
	passes = 10
	rounds = 100000 // random operations in a pass
)

// best reports the nanoseconds of one of n operations in the best pass; f returns n.
func best(what string, times int, prepare func(), f func(pass int) int) {
	least := 0.0
	runtime.GC()
	for p := range times {
		if prepare != nil {
			prepare()
		}
		start := time.Now()
		n := f(p)
		if ns := float64(time.Since(start).Nanoseconds()) / float64(n); least == 0 || ns < least {
			least = ns
		}
	}
	say(what, least, "ns")
}

// fills is how many passes fill and empty something of this size.
func fills(size int) int {
	return 3 + 20000/size
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

func stores(objs, newer []*v1.Pod) {
	size := len(objs)
	var s cache.Indexer
	best("add", fills(size), func() { s = indexer() }, func(int) int {
		for _, p := range objs {
			must(s.Add(p))
		}
		return size
	})
	at := order(passes*rounds, size)
	best("get", passes, nil, func(pass int) int {
		for _, i := range at[pass*rounds : (pass+1)*rounds] {
			if p, found, _ := s.Get(objs[i]); !found || p.(*v1.Pod).UID[0] != '5' {
				panic("lost")
			}
		}
		return rounds
	})
	keys := make([]string, size)
	for i, p := range objs {
		keys[i] = p.Namespace + "/" + p.Name
	}
	best("get by key", passes, nil, func(pass int) int {
		for _, i := range at[pass*rounds : (pass+1)*rounds] {
			if p, found, _ := s.GetByKey(keys[i]); !found || p.(*v1.Pod).UID[0] != '5' {
				panic("lost")
			}
		}
		return rounds
	})
	best("list, an object", passes, nil, func(int) int {
		if len(s.List()) != size {
			panic("short")
		}
		return size
	})
	nodes := (size + 99) / 100
	best("by index, an object", passes, nil, func(pass int) int {
		found := 0
		for k := range rounds / 50 {
			l, err := s.ByIndex("spec.nodeName", fmt.Sprint("node-", at[pass*rounds+k]%nodes))
			must(err)
			found += len(l)
		}
		return found
	})
	best("update", passes, nil, func(pass int) int {
		for k, i := range at[pass*rounds : (pass+1)*rounds] {
			if k%2 == 0 {
				must(s.Update(newer[i]))
			} else {
				must(s.Update(objs[i]))
			}
		}
		return rounds
	})
}

func queue(what string, q cache.Queue, objs []*v1.Pod) {
	best(what, fills(len(objs)), func() {
		for _, p := range objs {
			must(q.Add(p))
		}
	}, func(int) int {
		for range objs {
			if _, err := q.Pop(func(any, bool) error { return nil }); err != nil {
				panic(err)
			}
		}
		return len(objs)
	})
}

func queues(objs []*v1.Pod) {
	queue("pop, FIFO", cache.NewFIFO(cache.MetaNamespaceKeyFunc), objs)
	queue("pop, DeltaFIFO", cache.NewDeltaFIFOWithOptions(cache.DeltaFIFOOptions{}), objs)
	queue("pop, RealFIFO", cache.NewRealFIFOWithOptions(cache.RealFIFOOptions{KeyFunction: cache.MetaNamespaceKeyFunc, AtomicEvents: true}), objs)
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
		stores(objs, newer)
		queues(objs)
	}
	if *pods > 0 {
		memory(*file, *pods, true)
		memory(*file, *pods, false)
	}
}
