// cachetraces records what the real client-go answers to random operations, in the format that trace-replay takes
// (docs/traces.md). One trace to standard output:
//
//	cachetraces -type fifo|deltafifo|store|undelta|expiration|indexer|threadsafe|heap -seed N -ops N
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"time"

	"k8s.io/client-go/tools/cache"
	clock "k8s.io/utils/clock/testing"

	. "tarn.dev/interop/cachetraces/record"
)

type run struct {
	*Gen
	Writer
	kind string
	ops  int
}

func (r *run) header(options Map, seed int64) {
	r.Line(Map{"trace": 1, "clientgo": "v0.32.13", "type": r.kind, "options": options, "seed": seed, "ops": r.ops})
}

func found(v any, exists bool, err error) Map {
	m := Map{"err": Word(err), "exists": exists}
	if exists {
		m["obj"] = JSON(v)
	}
	return m
}

// ---- queues

type queue interface {
	cache.Queue
	AddIfNotPresent(any) error
}

func (r *run) queues(options Map) {
	delta := r.kind == "deltafifo"
	var q queue
	var known *Known
	hasKnown := options["knownObjects"] == "store"
	fresh := func() {
		known = NewKnown()
		if !delta {
			q = cache.NewFIFO(cache.MetaNamespaceKeyFunc)
			return
		}
		o := cache.DeltaFIFOOptions{EmitDeltaTypeReplaced: options["emitDeltaTypeReplaced"] == true, Transformer: Transform(options["transformer"].(string))}
		if hasKnown {
			o.KnownObjects = known
		}
		q = cache.NewDeltaFIFOWithOptions(o)
	}
	fresh()
	changed := func(err error) Map {
		return Map{"err": Word(err), "n": len(q.ListKeys()), "synced": q.HasSynced()}
	}
	strange := 6
	for range r.ops {
		switch k := r.Intn(100); {
		case k < 18:
			o := r.Any(strange)
			r.Op("add", Map{"obj": JSON(o)}, changed(q.Add(o)))
		case k < 32:
			o := r.Any(strange)
			r.Op("update", Map{"obj": JSON(o)}, changed(q.Update(o)))
		case k < 46:
			o := r.Any(strange * 2)
			r.Op("delete", Map{"obj": JSON(o)}, changed(q.Delete(o)))
		case k < 50:
			l := r.List(3)
			keys := map[string]bool{}
			for _, o := range l {
				key, _ := cache.MetaNamespaceKeyFunc(o)
				keys[key] = true
			}
			if !delta && len(keys) > 1 { // the order in which they are popped is open: keep to popSet
				in := Map{"objs": JSONs(l), "resourceVersion": "5"}
				err := q.Replace(l, "5")
				r.Op("replace", in, changed(err))
				if err == nil {
					r.popSet(q, changed)
				}
				continue
			}
			r.Op("replace", Map{"objs": JSONs(l), "resourceVersion": "5"}, changed(q.Replace(l, "5")))
		case k < 53:
			r.Op("resync", Map{}, changed(q.Resync()))
		case k < 57 && delta:
			if r.Intn(5) == 0 {
				o := r.Object()
				r.Op("addIfNotPresent", Map{"obj": JSON(o)}, changed(q.AddIfNotPresent(o)))
				continue
			}
			d, o := cache.Deltas{}, r.Object()
			for range r.Intn(3) {
				d = append(d, cache.Delta{Type: []cache.DeltaType{cache.Added, cache.Updated, cache.Deleted, cache.Sync}[r.Intn(4)], Object: o})
			}
			r.Op("addIfNotPresent", Map{"deltas": JSON(d)}, changed(q.AddIfNotPresent(append(cache.Deltas{}, d...))))
		case k < 57:
			o := r.Any(strange)
			r.Op("addIfNotPresent", Map{"obj": JSON(o)}, changed(q.AddIfNotPresent(o)))
		case k < 60:
			o := r.Any(strange)
			v, exists, err := q.(interface {
				Get(any) (any, bool, error)
			}).Get(o)
			r.Op("get", Map{"obj": JSON(o)}, found(v, exists, err))
		case k < 62:
			key := r.Key()
			v, exists, err := q.GetByKey(key)
			r.Op("getByKey", Map{"key": key}, found(v, exists, err))
		case k < 64:
			r.Op("list", Map{}, Map{"list": Refs(q.List())})
		case k < 66:
			keys := q.ListKeys()
			if !delta {
				keys = Sorted(keys)
			}
			if keys == nil {
				keys = []string{}
			}
			r.Op("listKeys", Map{}, Map{"keys": keys})
		case k < 67:
			r.Op("hasSynced", Map{}, Map{"synced": q.HasSynced()})
		case k < 74 && delta:
			known.Change(r.Gen, r.Writer)
		case k < 75:
			fresh()
			r.Op("new", Map{}, Map{})
		default:
			if len(q.ListKeys()) > 0 {
				r.pop(q, known, hasKnown, delta, changed)
			}
		}
	}
}

func (r *run) pop(q queue, known *Known, hasKnown, delta bool, changed func(error) Map) {
	how := []string{"ok", "ok", "ok", "error", "requeue", "requeue-error"}[r.Intn(6)]
	want := Map{"processed": false}
	_, err := q.Pop(func(v any, initial bool) error {
		want["processed"], want["inInitialList"] = true, initial
		if delta {
			want["deltas"] = JSON(append(cache.Deltas{}, v.(cache.Deltas)...))
		} else {
			want["obj"] = JSON(v)
		}
		switch how {
		case "error":
			return ErrProcess
		case "requeue":
			return cache.ErrRequeue{}
		case "requeue-error":
			return cache.ErrRequeue{Err: ErrProcess}
		}
		if delta && hasKnown {
			return known.Apply(v.(cache.Deltas))
		}
		return nil
	})
	for k, v := range changed(err) {
		want[k] = v
	}
	r.Op("pop", Map{"process": how}, want)
}

func (r *run) popSet(q queue, changed func(error) Map) {
	n, objs, initial := len(q.ListKeys()), []any{}, []bool{}
	for range n {
		v, err := q.Pop(func(_ any, i bool) error { initial = append(initial, i); return nil })
		if err != nil {
			panic(err)
		}
		objs = append(objs, v)
	}
	for i := range objs {
		for k := i; k > 0 && Ref(objs[k]) < Ref(objs[k-1]); k-- {
			objs[k], objs[k-1] = objs[k-1], objs[k]
		}
	}
	want := changed(nil)
	delete(want, "err")
	want["objs"], want["inInitialList"] = JSONs(objs), initial
	r.Op("popSet", Map{"count": n}, want)
}

// ---- stores

func (r *run) stores(options Map) {
	var s cache.Store
	var indexer cache.Indexer
	var pushes []any
	var now *clock.FakeClock
	undelta := r.kind == "undelta"
	fresh := func() {
		switch r.kind {
		case "store":
			s = cache.NewStore(cache.MetaNamespaceKeyFunc)
		case "undelta":
			s = cache.NewUndeltaStore(func(l []any) { pushes = append(pushes, Refs(l)) }, cache.MetaNamespaceKeyFunc)
		case "expiration":
			now = clock.NewFakeClock(time.Unix(1000, 0))
			s = cache.NewFakeExpirationStore(cache.MetaNamespaceKeyFunc, make(chan string, 1<<20), &cache.TTLPolicy{TTL: time.Duration(options["ttlMs"].(int)) * time.Millisecond, Clock: now}, now)
		case "indexer":
			x := cache.Indexers{}
			for _, name := range options["indexers"].([]string) {
				x[name] = IndexFunc(name)
			}
			indexer = cache.NewIndexer(cache.MetaNamespaceKeyFunc, x)
			s = indexer
		}
	}
	fresh()
	changed := func(err error) Map {
		m := Map{"err": Word(err), "n": len(s.ListKeys())}
		if undelta {
			m["pushes"] = append([]any{}, pushes...)
			pushes = nil
		}
		return m
	}
	strange := 5
	if indexer != nil { // an index function that fails makes the original panic
		strange = 0
	}
	for range r.ops {
		switch k := r.Intn(100); {
		case k < 18:
			o := r.Any(strange)
			r.Op("add", Map{"obj": JSON(o)}, changed(s.Add(o)))
		case k < 34:
			o := r.Any(strange)
			r.Op("update", Map{"obj": JSON(o)}, changed(s.Update(o)))
		case k < 46:
			o := r.Any(5)
			r.Op("delete", Map{"obj": JSON(o)}, changed(s.Delete(o)))
		case k < 50:
			l := r.List(strange / 2)
			r.Op("replace", Map{"objs": JSONs(l), "resourceVersion": "5"}, changed(s.Replace(l, "5")))
		case k < 51:
			r.Op("resync", Map{}, changed(s.Resync()))
		case k < 57:
			o := r.Any(5)
			v, exists, err := s.Get(o)
			r.Op("get", Map{"obj": JSON(o)}, found(v, exists, err))
		case k < 61:
			key := r.Key()
			v, exists, err := s.GetByKey(key)
			r.Op("getByKey", Map{"key": key}, found(v, exists, err))
		case k < 66:
			r.Op("list", Map{}, Map{"list": Refs(s.List())})
		case k < 70:
			r.Op("listKeys", Map{}, Map{"keys": Sorted(s.ListKeys())})
		case k < 71:
			fresh()
			r.Op("new", Map{}, Map{})
		case k < 80 && now != nil:
			ms := r.Intn(options["ttlMs"].(int) + 20)
			now.Step(time.Duration(ms) * time.Millisecond)
			r.Op("advance", Map{"ms": ms}, Map{})
		default:
			if indexer != nil {
				r.indexes(indexer)
			}
		}
	}
}

var indexNames = []string{"namespace", "label:app", "labels", "node", "words", "label:tier", "nobody"}

func (r *run) indexes(x cache.Indexer) {
	name := indexNames[r.Intn(len(indexNames))]
	value := []string{"n1", "n2", "", "web", "db", "app=web", "tier=fe", "node1", "red", "green", "fe"}[r.Intn(11)]
	listed := func(l []any, err error) Map {
		m := Map{"err": Word(err)}
		if err == nil {
			m["list"] = Refs(l)
		}
		return m
	}
	switch r.Intn(7) {
	case 0:
		o := r.Any(4)
		if _, isKey := o.(cache.ExplicitKey); isKey {
			o = r.Object()
		}
		l, err := x.Index(name, o)
		r.Op("index", Map{"index": name, "obj": JSON(o)}, listed(l, err))
	case 1:
		l, err := x.ByIndex(name, value)
		r.Op("byIndex", Map{"index": name, "value": value}, listed(l, err))
	case 2:
		keys, err := x.IndexKeys(name, value)
		m := Map{"err": Word(err)}
		if err == nil {
			m["keys"] = append([]string{}, keys...)
		}
		r.Op("indexKeys", Map{"index": name, "value": value}, m)
	case 3:
		r.Op("listIndexFuncValues", Map{"index": name}, Map{"values": Sorted(x.ListIndexFuncValues(name))})
	case 4:
		names := []string{}
		for range 1 + r.Intn(2) {
			if n := indexNames[r.Intn(len(indexNames)-1)]; len(names) == 0 || names[0] != n {
				names = append(names, n)
			}
		}
		add := cache.Indexers{}
		for _, n := range names {
			add[n] = IndexFunc(n)
		}
		r.Op("addIndexers", Map{"indexers": names}, Map{"err": Word(x.AddIndexers(add))})
	case 5:
		names := []string{}
		for n := range x.GetIndexers() {
			names = append(names, n)
		}
		r.Op("getIndexers", Map{}, Map{"names": Sorted(names)})
	default:
		indices := Map{}
		for n := range x.GetIndexers() {
			values := Map{}
			for _, v := range x.ListIndexFuncValues(n) {
				values[v], _ = x.IndexKeys(n, v)
			}
			indices[n] = values
		}
		r.Op("state", Map{}, Map{"keys": Sorted(x.ListKeys()), "list": Refs(x.List()), "indices": indices})
	}
}

// ---- threadsafe

func (r *run) threadsafe(options Map) {
	x := cache.Indexers{}
	for _, name := range options["indexers"].([]string) {
		x[name] = IndexFunc(name)
	}
	s := cache.NewThreadSafeStore(x, cache.Indices{})
	n := func() Map { return Map{"n": len(s.ListKeys())} }
	for range r.ops {
		key, o := []string{"k1", "k2", "a", "n1/a", "", "a/b/c"}[r.Intn(6)], r.Object()
		switch k := r.Intn(100); {
		case k < 30:
			s.Add(key, o)
			r.Op("add", Map{"key": key, "obj": JSON(o)}, n())
		case k < 45:
			s.Update(key, o)
			r.Op("update", Map{"key": key, "obj": JSON(o)}, n())
		case k < 60:
			s.Delete(key)
			r.Op("delete", Map{"key": key}, n())
		case k < 65:
			items, in := map[string]any{}, Map{}
			for range r.Intn(4) {
				o := r.Object()
				key := fmt.Sprint("k", r.Intn(4))
				items[key], in[key] = o, JSON(o)
			}
			s.Replace(items, "3")
			r.Op("replace", Map{"items": in, "resourceVersion": "3"}, n())
		case k < 75:
			v, exists := s.Get(key)
			r.Op("get", Map{"key": key}, found(v, exists, nil))
		case k < 80:
			r.Op("list", Map{}, Map{"list": Refs(s.List())})
		default:
			value := []string{"n1", "n2", "", "web", "node1", "red"}[r.Intn(6)]
			name := indexNames[r.Intn(len(indexNames))]
			keys, err := s.IndexKeys(name, value)
			m := Map{"err": Word(err)}
			if err == nil {
				m["keys"] = append([]string{}, keys...)
			}
			r.Op("indexKeys", Map{"index": name, "value": value}, m)
		}
	}
}

// ---- heap

func (r *run) heap() {
	h := cache.NewHeap(cache.MetaNamespaceKeyFunc, Less)
	closed := false
	changed := func(err error) Map { return Map{"err": Word(err), "n": len(h.ListKeys())} }
	strange := func() any {
		if r.Intn(20) == 0 {
			return Keyless{}
		}
		return r.Object()
	}
	for i := range r.ops {
		switch k := r.Intn(100); {
		case k < 30:
			o := strange()
			r.Op("add", Map{"obj": JSON(o)}, changed(h.Add(o)))
		case k < 40:
			o := strange()
			r.Op("update", Map{"obj": JSON(o)}, changed(h.Update(o)))
		case k < 48:
			o := strange()
			r.Op("addIfNotPresent", Map{"obj": JSON(o)}, changed(h.AddIfNotPresent(o)))
		case k < 58:
			o := strange()
			r.Op("delete", Map{"obj": JSON(o)}, changed(h.Delete(o)))
		case k < 63:
			l := []any{}
			for range r.Intn(5) {
				l = append(l, strange())
			}
			r.Op("bulkAdd", Map{"objs": JSONs(l)}, changed(h.BulkAdd(l)))
		case k < 68:
			o := strange()
			v, exists, err := h.Get(o)
			r.Op("get", Map{"obj": JSON(o)}, found(v, exists, err))
		case k < 72:
			r.Op("list", Map{}, Map{"list": Refs(h.List())})
		case k < 73 && i > r.ops/2:
			h.Close()
			closed = true
			r.Op("close", Map{}, Map{"closed": h.IsClosed()})
		default:
			if len(h.ListKeys()) == 0 && !closed {
				continue
			}
			v, err := h.Pop()
			m := changed(err)
			if err == nil {
				m["obj"] = JSON(v)
			}
			r.Op("pop", Map{}, m)
		}
	}
}

func main() {
	kind := flag.String("type", "fifo", "")
	seed := flag.Int64("seed", 1, "")
	ops := flag.Int("ops", 200, "")
	flag.Parse()
	w := Writer{Writer: bufio.NewWriter(os.Stdout)}
	defer w.Flush()
	r := &run{&Gen{Rand: rand.New(rand.NewSource(*seed))}, w, *kind, *ops}
	pick := func(v ...string) string { return v[r.Intn(len(v))] }
	options := Map{}
	switch *kind {
	case "deltafifo":
		options = Map{"emitDeltaTypeReplaced": r.Intn(2) == 0, "knownObjects": pick("store", "store", "none"), "transformer": pick("none", "strip", "count", "refuse")}
	case "expiration":
		options = Map{"ttlMs": []int{0, 50, 100}[r.Intn(3)]}
	case "indexer", "threadsafe":
		options = Map{"indexers": [][]string{{}, {"namespace"}, {"namespace", "label:app", "labels"}, {"words", "node"}}[r.Intn(4)]}
	}
	r.header(options, *seed)
	switch *kind {
	case "fifo", "deltafifo":
		r.queues(options)
	case "threadsafe":
		r.threadsafe(options)
	case "heap":
		r.heap()
	default:
		r.stores(options)
	}
}
