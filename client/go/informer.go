package tarn

// #include "shim.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Handler is told of changes, one call at a time, on the goroutine of Run. Objects are good until it returns. A nil member is skipped.
type Handler struct {
	Add    func(obj Object, isInInitialList bool)
	Update func(old, obj Object)
	Delete func(obj Object) // its last state, or a tombstone when the delete itself was missed
	Gap    func()           // EveryChange: versions were missed
}

// Watch says what to be told of.
type Watch struct {
	Resource    string
	Namespace   string
	Labels      string        // a label selector
	Fields      string        // a field selector
	Resync      time.Duration // every so often an update of each object; 0: never
	EveryChange bool          // each version, as far as the change log reaches back
	Handler     Handler
}

// Informer calls handlers of every change. Its methods are for one goroutine at a time, but for Stop and HasSynced.
type Informer struct {
	inf     *C.struct_tarn_informer
	stop    C.int // an eventfd: readable once Run is to return
	mu      sync.Mutex
	watches []*watching // mu: read by HasSynced
}

type watching struct {
	handler Handler
	handle  cgo.Handle
	walk    walk // the selectors and strings it borrows
	id      C.uint
	synced  atomic.Bool
}

// NewInformer attaches.
func NewInformer(o Options) (*Informer, error) {
	var inf *C.struct_tarn_informer
	var cerr C.struct_tarn_error
	var code C.int
	o.with(func(options *C.struct_tarn_client_options) { code = C.tarn_informer_new(options, &inf, &cerr) })
	if code != 0 {
		return nil, newError(code, &cerr)
	}
	stop := C.go_stop_new()
	if stop < 0 {
		C.tarn_informer_free(inf)
		return nil, newError(C.TARN_E_LIMIT, nil)
	}
	return &Informer{inf: inf, stop: stop}, nil
}

// Close detaches; not from a handler, not during Run.
func (i *Informer) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.inf == nil {
		return
	}
	C.tarn_informer_free(i.inf)
	C.go_stop_free(i.stop)
	i.inf = nil
	for _, w := range i.watches {
		w.handle.Delete()
		w.walk.release()
	}
	i.watches = nil
}

// Watch begins to be told, from the next turn on; also from a handler. It returns the watch's number.
func (i *Informer) Watch(w Watch) (uint, error) {
	if i.inf == nil {
		return 0, ErrClosed
	}
	n := &watching{handler: w.Handler}
	if err := n.walk.selectors(Query{Labels: w.Labels, Fields: w.Fields}); err != nil {
		n.walk.release()
		return 0, err
	}
	n.handle = cgo.NewHandle(n)
	var cerr C.struct_tarn_error
	code := C.go_watch(i.inf, n.walk.text(w.Resource), n.walk.text(w.Namespace), n.walk.labels, n.walk.fields,
		C.uint32_t(w.Resync.Milliseconds()), C.bool(w.EveryChange), C.uintptr_t(n.handle), &n.id, &cerr)
	if code != 0 {
		n.handle.Delete()
		n.walk.release()
		return 0, newError(code, &cerr)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.watches = append(i.watches, n)
	return uint(n.id), nil
}

// Unwatch ends a watch; from a handler too.
func (i *Informer) Unwatch(id uint) { C.tarn_informer_unwatch(i.inf, C.uint(id)) }

// HasSynced: the whole initial list of the watch was delivered. Any goroutine.
func (i *Informer) HasSynced(id uint) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range i.watches {
		if uint(w.id) == id {
			return w.synced.Load()
		}
	}
	return false
}

// note publishes what has synced: the library's own answer is for the goroutine that processes.
func (i *Informer) note() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range i.watches {
		if !w.synced.Load() && bool(C.tarn_informer_has_synced(i.inf, w.id)) {
			w.synced.Store(true)
		}
	}
}

// Process delivers what is there, without waiting, and tells how many calls that were.
func (i *Informer) Process() (int, error) {
	var cerr C.struct_tarn_error
	if i.inf == nil {
		return 0, ErrClosed
	}
	n := C.tarn_informer_process(i.inf, &cerr)
	if n < 0 {
		return 0, newError(n, &cerr)
	}
	i.note()
	return int(n), nil
}

// Run delivers until ctx is done, with its error, or until Stop. A thread sleeps in it meanwhile.
func (i *Informer) Run(ctx context.Context) error {
	if i.inf == nil {
		return ErrClosed
	}
	defer context.AfterFunc(ctx, i.Stop)()
	for {
		if _, err := i.Process(); err != nil {
			return err
		}
		if C.go_stop_wait(C.tarn_informer_fd(i.inf), i.stop) != 0 {
			return ctx.Err()
		}
	}
}

// Stop makes Run return; any goroutine.
func (i *Informer) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.inf != nil {
		C.go_stop(i.stop)
	}
}

// Fd is readable when Process has something to do. It belongs to the informer.
func (i *Informer) Fd() uintptr { return uintptr(C.tarn_informer_fd(i.inf)) }

func watchingOf(ctx unsafe.Pointer) *watching { return cgo.Handle(uintptr(ctx)).Value().(*watching) }

//export go_on_add
func go_on_add(ctx unsafe.Pointer, obj *C.struct_tarn_object, initial C.bool) C.int {
	if h := watchingOf(ctx).handler; h.Add != nil {
		h.Add(Object{obj}, bool(initial))
	}
	return 0
}

//export go_on_update
func go_on_update(ctx unsafe.Pointer, old, obj *C.struct_tarn_object) C.int {
	if h := watchingOf(ctx).handler; h.Update != nil {
		h.Update(Object{old}, Object{obj})
	}
	return 0
}

//export go_on_delete
func go_on_delete(ctx unsafe.Pointer, obj *C.struct_tarn_object) C.int {
	if h := watchingOf(ctx).handler; h.Delete != nil {
		h.Delete(Object{obj})
	}
	return 0
}

//export go_on_gap
func go_on_gap(ctx unsafe.Pointer) {
	if h := watchingOf(ctx).handler; h.Gap != nil {
		h.Gap()
	}
}
