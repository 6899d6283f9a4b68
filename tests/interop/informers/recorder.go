package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// An event as a handler got it. content is a digest of the whole object: two events are the same only if their objects are.
type event struct {
	kind, uid string
	version   uint64
	content   [sha256.Size]byte
}

func (e event) String() string {
	return fmt.Sprintf("%s %d %s %x", e.kind, e.version, e.uid, e.content[:4])
}

// recorder is a handler that knows what it was told, and what no handler should be told: a second add, an update or a
// delete of what is not there, an update that is not from the state before, a version that goes back.
//
// One such delete is known: what was deleted and made again comes to a restarted agent in one read and is one change there, whose delete
// stands just before the new object. Who had been told of the real delete by the agent before is told of this one too.
type recorder struct {
	mu      sync.Mutex
	there   map[string]event   // the last add or update of what is there
	newest  map[string]uint64  // the newest version ever told of a key, deleted or not
	events  map[string][]event // since the last take
	again   map[string]event   // deletes of what is not there, until the add behind each
	strange []string
}

func newRecorder() *recorder {
	return &recorder{there: map[string]event{}, newest: map[string]uint64{}, events: map[string][]event{}, again: map[string]event{}}
}

func keyOf(m metav1.Object) string {
	if m.GetNamespace() == "" {
		return m.GetName()
	}
	return m.GetNamespace() + "/" + m.GetName()
}

func versionOf(m metav1.Object) uint64 {
	v, _ := strconv.ParseUint(m.GetResourceVersion(), 10, 64)
	return v
}

// digest is that of the object's JSON, without what a decoder may drop or set by itself (kind and apiVersion).
func digest(obj any) [sha256.Size]byte {
	text, err := json.Marshal(obj)
	must(err)
	var tree map[string]any
	must(json.Unmarshal(text, &tree))
	delete(tree, "kind")
	delete(tree, "apiVersion")
	text, err = json.Marshal(tree)
	must(err)
	return sha256.Sum256(text)
}

func describe(kind string, obj any) (string, event) {
	m, err := meta.Accessor(obj)
	must(err)
	return keyOf(m), event{kind, string(m.GetUID()), versionOf(m), digest(obj)}
}

func (r *recorder) complain(key, format string, args ...any) {
	r.strange = append(r.strange, key+": "+fmt.Sprintf(format, args...))
}

func (r *recorder) note(key string, e event) {
	if e.version < r.newest[key] {
		r.complain(key, "version %d after %d", e.version, r.newest[key])
	}
	r.newest[key] = e.version
	r.events[key] = append(r.events[key], e)
}

func (r *recorder) OnAdd(obj any, _ bool) {
	key, e := describe("add", obj)
	r.mu.Lock()
	defer r.mu.Unlock()
	if gone, ok := r.again[key]; ok && gone.version+1 == e.version {
		delete(r.again, key)
	}
	if was, ok := r.there[key]; ok {
		r.complain(key, "a second add: %v after %v", e, was)
	}
	r.note(key, e)
	r.there[key] = e
}

func (r *recorder) OnUpdate(old, obj any) {
	key, e := describe("update", obj)
	_, before := describe("", old)
	r.mu.Lock()
	defer r.mu.Unlock()
	was, ok := r.there[key]
	if !ok {
		r.complain(key, "an update of what is not there: %v", e)
	} else if was.version != before.version || was.uid != before.uid || was.content != before.content {
		r.complain(key, "an update from %v, which was told as %v", before, was)
	}
	r.there[key] = e
	if ok && was.uid == e.uid && was.version == e.version && was.content == e.content {
		return // a relist tells all again
	}
	r.note(key, e)
}

func (r *recorder) OnDelete(obj any) {
	unknown, late := obj.(cache.DeletedFinalStateUnknown)
	r.mu.Lock()
	defer r.mu.Unlock()
	if late { // seen only by a list: the last state that was known
		if _, ok := r.there[unknown.Key]; !ok {
			r.complain(unknown.Key, "a delete (by a list) of what is not there")
		}
		delete(r.there, unknown.Key)
		r.events[unknown.Key] = append(r.events[unknown.Key], event{kind: "gone"})
		return
	}
	key, e := describe("delete", obj)
	if _, ok := r.there[key]; !ok {
		r.again[key] = e
	}
	r.note(key, e)
	delete(r.there, key)
}

// take is what was told since the last take; by key.
func (r *recorder) take() map[string][]event {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events
	r.events = map[string][]event{}
	return e
}

// wrong is what should not have been told, ever.
func (r *recorder) wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append([]string(nil), r.strange...)
	for key, e := range r.again {
		all = append(all, fmt.Sprintf("%s: a delete of what is not there: %v", key, e))
	}
	return all
}

// differs tells how what the handler was told differs from what its informer has now; "" if it does not.
func (r *recorder) differs(store []any) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(store) != len(r.there) {
		return fmt.Sprintf("the handler knows of %d objects, its store of %d", len(r.there), len(store))
	}
	for _, obj := range store {
		key, e := describe("", obj)
		if was, ok := r.there[key]; !ok || was.version != e.version || was.content != e.content {
			return fmt.Sprintf("%s: the handler was told %v, the store has %v", key, was, e)
		}
	}
	return ""
}

func (r *recorder) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		n += len(e)
	}
	return n
}
