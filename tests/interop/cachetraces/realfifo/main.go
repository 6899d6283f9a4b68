// realfifo records the in-order queue of the first client-go that has it; see ../main.go.
//
//	realfifo -seed N -ops N
package main

import (
	"bufio"
	"flag"
	"math/rand"
	"os"

	"k8s.io/client-go/tools/cache"

	. "tarn.dev/interop/cachetraces/record"
)

func main() {
	seed := flag.Int64("seed", 1, "")
	ops := flag.Int("ops", 200, "")
	flag.Parse()
	w := Writer{Writer: bufio.NewWriter(os.Stdout)}
	defer w.Flush()
	g := &Gen{Rand: rand.New(rand.NewSource(*seed))}
	transformer := []string{"none", "strip", "count", "refuse"}[g.Intn(4)]
	w.Line(Map{"trace": 1, "clientgo": "v0.34.13", "type": "realfifo", "options": Map{"transformer": transformer}, "seed": *seed, "ops": *ops})

	known := NewKnown()
	count := 0 // events queued, as HasSynced and pops tell: the queue itself does not
	q := cache.NewRealFIFO(cache.MetaNamespaceKeyFunc, known, Transform(transformer))
	pending := func() int { return count }
	changed := func(err error) Map { return Map{"err": Word(err), "n": pending(), "synced": q.HasSynced()} }
	recount := func() { count = Length(q) }
	for range *ops {
		switch k := g.Intn(100); {
		case k < 20:
			o := g.Any(6)
			err := q.Add(o)
			recount()
			w.Op("add", Map{"obj": JSON(o)}, changed(err))
		case k < 35:
			o := g.Any(6)
			err := q.Update(o)
			recount()
			w.Op("update", Map{"obj": JSON(o)}, changed(err))
		case k < 48:
			o := g.Any(12)
			err := q.Delete(o)
			recount()
			w.Op("delete", Map{"obj": JSON(o)}, changed(err))
		case k < 52:
			l := g.List(3)
			err := q.Replace(l, "5")
			recount()
			w.Op("replace", Map{"objs": JSONs(l), "resourceVersion": "5"}, changed(err))
		case k < 55:
			err := q.Resync()
			recount()
			w.Op("resync", Map{}, changed(err))
		case k < 57:
			w.Op("hasSynced", Map{}, Map{"synced": q.HasSynced()})
		case k < 65:
			known.Change(g, w)
		case k < 66:
			known = NewKnown()
			q = cache.NewRealFIFO(cache.MetaNamespaceKeyFunc, known, Transform(transformer))
			recount()
			w.Op("new", Map{}, Map{})
		default:
			if pending() == 0 {
				continue
			}
			how := []string{"ok", "ok", "ok", "error"}[g.Intn(4)]
			want := Map{"processed": false}
			_, err := q.Pop(func(v any, initial bool) error {
				want["processed"], want["inInitialList"], want["deltas"] = true, initial, JSON(v)
				if how == "error" {
					return ErrProcess
				}
				return known.Apply(v.(cache.Deltas))
			})
			recount()
			for k, v := range changed(err) {
				want[k] = v
			}
			w.Op("pop", Map{"process": how}, want)
		}
	}
}
