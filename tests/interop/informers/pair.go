package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// view is what a pair follows: a resource, or a part of it.
type view struct {
	gvr            schema.GroupVersionResource
	namespace      string
	labels, fields string
}

func (v view) options(o *metav1.ListOptions) { o.LabelSelector, o.FieldSelector = v.labels, v.fields }

// informer is the half of a pair: what client-go and controller-runtime have in common.
type informer interface {
	AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error)
	HasSynced() bool
}

// side is one informer: on the API server or on tarn.
type side struct {
	who string
	informer
	list func() []any
	told *recorder
}

// follower makes an informer of a view from a client configuration, and starts it.
type follower struct {
	name  string
	view  view
	start func(ctx context.Context, cfg *rest.Config, v view) (informer, func() []any, error)
}

// pair is the same informer on the server and, as often as is asked for, on tarn.
type pair struct {
	follower
	sides  []*side // the server's first, unless there is none
	merged int     // events of the server's side that tarn's told as one with the next
}

func (f follower) side(ctx context.Context, who string, cfg *rest.Config) (*side, error) {
	i, list, err := f.start(ctx, cfg, f.view)
	if err != nil {
		return nil, err
	}
	s := &side{who, i, list, newRecorder()}
	_, err = i.AddEventHandler(s.told)
	return s, err
}

func (f follower) pair(ctx context.Context, server, tarn *rest.Config, copies int, alone bool) (*pair, error) {
	p := &pair{follower: f}
	if !alone {
		s, err := f.side(ctx, "server", server)
		if err != nil {
			return nil, fmt.Errorf("%s on the server: %w", f.name, err)
		}
		p.sides = append(p.sides, s)
	}
	for i := range copies {
		s, err := f.side(ctx, fmt.Sprintf("tarn[%d]", i), tarn)
		if err != nil {
			return nil, fmt.Errorf("%s on tarn: %w", f.name, err)
		}
		p.sides = append(p.sides, s)
	}
	return p, nil
}

// truth is what the server itself has of the view: version by key.
func (p *pair) truth(ctx context.Context, server *rest.Config) (map[string]uint64, error) {
	client, err := metadata.NewForConfig(server)
	if err != nil {
		return nil, err
	}
	o := metav1.ListOptions{}
	p.view.options(&o)
	list, err := client.Resource(p.view.gvr).Namespace(p.view.namespace).List(ctx, o)
	if err != nil {
		return nil, err
	}
	there := map[string]uint64{}
	for i := range list.Items {
		there[keyOf(&list.Items[i])] = versionOf(&list.Items[i])
	}
	return there, nil
}

// behind tells how a side differs from the server.
func (s *side) behind(there map[string]uint64) string {
	if !s.HasSynced() {
		return s.who + " has not synced"
	}
	store := s.list()
	for _, obj := range store {
		m, err := meta.Accessor(obj)
		must(err)
		if want, ok := there[keyOf(m)]; !ok || want != versionOf(m) {
			return fmt.Sprintf("%s: %s has version %s, the server %d", s.who, keyOf(m), m.GetResourceVersion(), want)
		}
	}
	if len(store) != len(there) {
		return fmt.Sprintf("%s has %d objects, the server %d", s.who, len(store), len(there))
	}
	if d := s.told.differs(store); d != "" {
		return s.who + ": " + d
	}
	return ""
}

// settle waits until every side has what the server has; what is missing then is told.
func (p *pair) settle(ctx context.Context, server *rest.Config) string {
	why := ""
	for ctx.Err() == nil {
		there, err := p.truth(ctx, server)
		if err != nil {
			why = err.Error()
		} else {
			why = ""
			for _, s := range p.sides {
				if why = s.behind(there); why != "" {
					break
				}
			}
		}
		if why == "" {
			return ""
		}
		time.Sleep(100 * time.Millisecond)
	}
	return why
}

func contents(s *side) map[string]event {
	all := map[string]event{}
	for _, obj := range s.list() {
		key, e := describe("", obj)
		all[key] = e
	}
	return all
}

// compare is what is wrong with the pair; exact: every side was told the same since the last compare, event by event
// (explains).
func (p *pair) compare(ctx context.Context, server *rest.Config, exact bool) (wrong []string) {
	if why := p.settle(ctx, server); why != "" {
		return []string{p.name + ": " + why}
	}
	first, told := p.sides[0], p.sides[0].told.take()
	want := contents(first)
	for _, s := range p.sides {
		for _, w := range s.told.wrong() {
			wrong = append(wrong, fmt.Sprintf("%s: %s: %s", p.name, s.who, w))
		}
		if s == first {
			continue
		}
		got, now := s.told.take(), contents(s)
		for key := range want {
			if want[key] != now[key] {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %v on %s, %v on %s", p.name, key, want[key], first.who, now[key], s.who))
			}
		}
		if exact {
			wrong = append(wrong, p.sequences(first, s, told, got)...)
		}
	}
	return wrong
}

// explains tells whether got is want, but for events of an object that another one followed: changes that come to the agent at once are told as
// the last of them. (A delete because a selector no longer fits then has the version of that last change.)
func explains(want, got []event) bool {
	skipped := false
	for i, w := range want {
		if len(got) > 0 {
			g := got[0]
			same := g.version == w.version && g.content == w.content
			if (same && (g.kind == w.kind || skipped)) || (g.kind == "delete" && w.kind == "delete" && g.version >= w.version) {
				got, skipped = got[1:], false
				continue
			}
		}
		if i == len(want)-1 && w.kind != "delete" {
			return false
		}
		skipped = true
	}
	return len(got) == 0
}

func (p *pair) sequences(a, b *side, want, got map[string][]event) (wrong []string) {
	keys := map[string]bool{}
	for k := range want {
		keys[k] = true
	}
	for k := range got {
		keys[k] = true
	}
	for k := range keys {
		if !explains(want[k], got[k]) {
			wrong = append(wrong, fmt.Sprintf("%s: %s: %s was told %v, %s %v", p.name, k, a.who, want[k], b.who, got[k]))
		}
		p.merged += len(want[k]) - len(got[k])
	}
	return wrong
}
