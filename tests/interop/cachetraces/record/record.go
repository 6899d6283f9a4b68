// Package record has what the generators share: random objects, and one JSON line for each operation and its answer.
package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

type Map = map[string]any

// Keyless is a value without metadata.
type Keyless struct{}

// ErrProcess and ErrTransform are what process functions and transformers return.
var ErrProcess, ErrTransform = errors.New("process"), errors.New("transform")

// JSON is how a trace shows a value.
func JSON(v any) any {
	switch o := v.(type) {
	case nil:
		return nil
	case *unstructured.Unstructured:
		return o.Object
	case Keyless:
		return Map{"keyless": true}
	case cache.ExplicitKey:
		return Map{"explicitKey": string(o)}
	case cache.DeletedFinalStateUnknown:
		return Map{"tombstone": Map{"key": o.Key, "obj": JSON(o.Obj)}}
	case cache.Deltas:
		l := []any{}
		for _, d := range o {
			l = append(l, Map{"type": string(d.Type), "obj": JSON(d.Object)})
		}
		return l
	}
	panic(fmt.Sprintf("%T", v))
}

// Ref is KEY@RESOURCEVERSION.
func Ref(v any) string {
	switch o := v.(type) {
	case nil:
		return "null"
	case cache.DeletedFinalStateUnknown:
		return "tombstone:" + o.Key + ":" + Ref(o.Obj)
	case cache.ExplicitKey:
		return string(o) + "@"
	case *unstructured.Unstructured:
		key, _ := cache.MetaNamespaceKeyFunc(o)
		return key + "@" + o.GetResourceVersion()
	}
	return "@"
}

func Refs(l []any) []string {
	v := []string{}
	for _, o := range l {
		v = append(v, Ref(o))
	}
	sort.Strings(v)
	return v
}

func Sorted(l []string) []string {
	v := append([]string{}, l...)
	sort.Strings(v)
	return v
}

// Word is the trace's word for an error.
func Word(err error) string {
	var key cache.KeyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &key):
		return "key-error"
	case errors.Is(err, cache.ErrFIFOClosed), err.Error() == "heap is closed":
		return "closed"
	case errors.Is(err, ErrProcess):
		return "process-error"
	case strings.HasSuffix(err.Error(), ErrTransform.Error()):
		return "transform-error"
	case strings.HasPrefix(err.Error(), "object must be of type deltas"):
		return "not-deltas"
	case strings.HasPrefix(err.Error(), "Index with name"):
		return "index-missing"
	case strings.HasPrefix(err.Error(), "indexer conflict"):
		return "indexer-conflict"
	case err.Error() == "object not found":
		return "not-found"
	case strings.Contains(err.Error(), "object has no meta"), strings.Contains(err.Error(), "object does not implement"):
		return "no-meta"
	}
	panic(err)
}

// Gen makes random objects; a resource version is given out once.
type Gen struct {
	*rand.Rand
	version int
}

func (g *Gen) pick(v ...string) string { return v[g.Intn(len(v))] }

// Name is one of a few keys.
func (g *Gen) Name() (ns, name string) {
	return g.pick("n1", "n1", "n2", "n3", ""), g.pick("a", "b", "c", "d", "e", "f")
}

func (g *Gen) Key() string {
	ns, name := g.Name()
	if ns == "" {
		return name
	}
	return ns + "/" + name
}

// Object is an API object under one of the few keys.
func (g *Gen) Object() *unstructured.Unstructured {
	ns, name := g.Name()
	g.version++
	md := Map{"name": name, "resourceVersion": fmt.Sprint(g.version)}
	if ns != "" {
		md["namespace"] = ns
	}
	if g.Intn(2) == 0 {
		labels := Map{}
		if g.Intn(2) == 0 {
			labels["app"] = g.pick("web", "db", "")
		}
		if g.Intn(4) == 0 {
			labels["bad"] = g.pick("true", "false")
		}
		if g.Intn(3) == 0 {
			labels["tier"] = g.pick("fe", "be")
		}
		md["labels"] = labels
	}
	if g.Intn(4) == 0 {
		md["annotations"] = Map{"note": g.pick("x", "y")}
	}
	spec := Map{}
	if g.Intn(2) == 0 {
		spec["nodeName"] = g.pick("node1", "node2", "")
	}
	if g.Intn(2) == 0 {
		words := []any{}
		for range g.Intn(4) {
			words = append(words, g.pick("red", "green", "blue"))
		}
		spec["words"] = words
	}
	if g.Intn(2) == 0 {
		spec["priority"] = int64(g.Intn(10))
	}
	o := Map{"metadata": md}
	if g.Intn(5) != 0 {
		o["spec"] = spec
	}
	return &unstructured.Unstructured{Object: o}
}

// Any is mostly an object, sometimes one of the other things.
func (g *Gen) Any(strange int) any {
	if g.Intn(100) >= strange {
		return g.Object()
	}
	switch g.Intn(3) {
	case 0:
		return Keyless{}
	case 1:
		return cache.ExplicitKey(g.Key())
	}
	o := g.Object()
	key, _ := cache.MetaNamespaceKeyFunc(o)
	if g.Intn(4) == 0 {
		return cache.DeletedFinalStateUnknown{Key: key}
	}
	return cache.DeletedFinalStateUnknown{Key: key, Obj: o}
}

// List is several of them, with repeated keys now and then.
func (g *Gen) List(strange int) []any {
	l := []any{}
	for range g.Intn(6) {
		l = append(l, g.Any(strange))
	}
	return l
}

func JSONs(l []any) []any {
	v := []any{}
	for _, o := range l {
		v = append(v, JSON(o))
	}
	return v
}

// Transform is the transformer of this name.
func Transform(name string) cache.TransformFunc {
	change := func(f func(o *unstructured.Unstructured) error) cache.TransformFunc {
		return func(v any) (any, error) {
			o, ok := v.(*unstructured.Unstructured)
			if !ok {
				return v, nil
			}
			o = o.DeepCopy()
			return o, f(o)
		}
	}
	switch name {
	case "strip":
		return change(func(o *unstructured.Unstructured) error {
			unstructured.RemoveNestedField(o.Object, "metadata", "annotations")
			unstructured.RemoveNestedField(o.Object, "metadata", "managedFields")
			return nil
		})
	case "count":
		return change(func(o *unstructured.Unstructured) error {
			n, _, _ := unstructured.NestedInt64(o.Object, "spec", "transformed")
			return unstructured.SetNestedField(o.Object, n+1, "spec", "transformed")
		})
	case "refuse":
		return func(v any) (any, error) {
			if o, ok := v.(*unstructured.Unstructured); ok && o.GetLabels()["bad"] == "true" {
				return nil, ErrTransform
			}
			return v, nil
		}
	}
	return nil
}

// IndexFunc is the index function of this name.
func IndexFunc(name string) cache.IndexFunc {
	return func(v any) ([]string, error) {
		m, err := meta.Accessor(v)
		if err != nil {
			return nil, fmt.Errorf("object has no meta: %w", err)
		}
		o := v.(*unstructured.Unstructured)
		switch {
		case name == "namespace":
			return []string{m.GetNamespace()}, nil
		case strings.HasPrefix(name, "label:"):
			if value, ok := m.GetLabels()[name[6:]]; ok {
				return []string{value}, nil
			}
		case name == "labels":
			l := []string{}
			for k, value := range m.GetLabels() {
				l = append(l, k+"="+value)
			}
			sort.Strings(l)
			return l, nil
		case name == "node":
			if node, _, _ := unstructured.NestedString(o.Object, "spec", "nodeName"); node != "" {
				return []string{node}, nil
			}
		case name == "words":
			words, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "words")
			return words, nil
		}
		return nil, nil
	}
}

// Less is the heap's order.
func Less(a, b any) bool {
	priority := func(v any) int64 {
		n, _, _ := unstructured.NestedInt64(v.(*unstructured.Unstructured).Object, "spec", "priority")
		return n
	}
	if x, y := priority(a), priority(b); x != y {
		return x < y
	}
	x, _ := cache.MetaNamespaceKeyFunc(a)
	y, _ := cache.MetaNamespaceKeyFunc(b)
	return x < y
}

// Writer writes lines.
type Writer struct{ *bufio.Writer }

func (w Writer) Line(v Map) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
}

// Op writes an operation: in and want are merged into one line.
func (w Writer) Op(op string, in, want Map) {
	line := Map{"op": op, "want": want}
	for k, v := range in {
		line[k] = v
	}
	w.Line(line)
}

// Known is the known store beside a queue: its keys and those of ghosts, sorted.
type Known struct {
	cache.Store
	Ghosts map[string]bool
}

func NewKnown() *Known {
	return &Known{cache.NewStore(cache.DeletionHandlingMetaNamespaceKeyFunc), map[string]bool{}}
}

func (k *Known) ListKeys() []string {
	set := map[string]bool{}
	for _, key := range k.Store.ListKeys() {
		set[key] = true
	}
	for key := range k.Ghosts {
		set[key] = true
	}
	l := []string{}
	for key := range set {
		l = append(l, key)
	}
	sort.Strings(l)
	return l
}

// Apply does with deltas what `ok` says.
func (k *Known) Apply(d cache.Deltas) error {
	for _, x := range d {
		var err error
		if x.Type == cache.Deleted {
			err = k.Delete(x.Object)
		} else {
			err = k.Add(x.Object)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Change does one operation on the known store, and writes it.
func (k *Known) Change(g *Gen, w Writer) {
	switch g.Intn(8) {
	case 0:
		key := g.Key()
		k.Ghosts[key] = true
		w.Op("knownGhost", Map{"key": key}, Map{})
	case 1, 2:
		o := g.Object()
		w.Op("knownDelete", Map{"obj": JSON(o)}, Map{"err": Word(k.Delete(o))})
	case 3:
		w.Op("knownList", Map{}, Map{"list": Refs(k.List())})
	default:
		o := g.Object()
		w.Op("knownAdd", Map{"obj": JSON(o)}, Map{"err": Word(k.Add(o))})
	}
}
