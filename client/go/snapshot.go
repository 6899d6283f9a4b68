package tarn

// #include "shim.h"
import "C"

import (
	"iter"
	"strings"
	"unsafe"
)

// Snapshot is one consistent moment of every resource, for one goroutine at a time.
type Snapshot struct {
	s *C.struct_tarn_snapshot
	// The resource that Get was asked for last, and its name for C: most loops ask for one.
	resource  string
	cresource *C.char
}

// Close ends it; its objects are void. ErrExpired: memory pressure had ended it, and what was read does not count.
func (s *Snapshot) Close() error {
	h := s.s
	s.s = nil
	C.free(unsafe.Pointer(s.cresource))
	s.resource, s.cresource = "", nil
	return answer(C.tarn_snapshot_close(h))
}

// Check tells what Close would.
func (s *Snapshot) Check() error {
	if s.s == nil {
		return ErrClosed
	}
	return answer(C.tarn_snapshot_check(s.s))
}

func answer(code C.int) error {
	if code != 0 {
		return newError(code, nil)
	}
	return nil
}

// Commit is the number of the commit it shows; numbers of different generations do not compare.
func (s *Snapshot) Commit() uint64 { return uint64(C.tarn_snapshot_commit(s.s)) }

// Generation is that of the region it reads.
func (s *Snapshot) Generation() uint64 { return uint64(C.tarn_snapshot_generation(s.s)) }

// chars are the bytes of s for the length of a C call that does not keep them.
func chars(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

func (s *Snapshot) name(resource string) *C.char {
	if s.cresource == nil || s.resource != resource {
		C.free(unsafe.Pointer(s.cresource))
		s.resource, s.cresource = strings.Clone(resource), C.CString(resource)
	}
	return s.cresource
}

// Get is the object under "namespace/name" (or "name"): ErrNotFound, ErrResource. It allocates nothing.
func (s *Snapshot) Get(resource, key string) (Object, error) {
	if s.s == nil {
		return Object{}, ErrClosed
	}
	f := C.go_get(s.s, s.name(resource), chars(key), C.size_t(len(key)))
	if f.code != 0 {
		return Object{}, newError(f.code, nil)
	}
	if f.obj == nil {
		return Object{}, ErrNotFound
	}
	return Object{f.obj}, nil
}

// Query says what to list; the zero value is everything. All conditions must hold.
type Query struct {
	Namespace    string
	Index, Value string // objects whose index has the value
	Labels       string // a label selector
	Fields       string // a field selector
	Prefix       string // keys that begin so; in key order
	After        string // keys behind this one; in key order
	Limit        int    // at most so many, in key order; 0: no limit
	Sorted       bool   // in key order
}

// walk is a C iterator and what it borrows.
type walk struct {
	it     *C.struct_tarn_iter
	texts  []*C.char
	labels *C.struct_tarn_selector
	fields *C.struct_tarn_field_selector
}

// text is s for C: it must not be NULL where "" means something.
func (w *walk) text(s string) *C.char {
	c := C.CString(s)
	w.texts = append(w.texts, c)
	return c
}

func (w *walk) release() {
	for _, t := range w.texts {
		C.free(unsafe.Pointer(t))
	}
	C.tarn_selector_free(w.labels)
	C.tarn_field_selector_free(w.fields)
	C.free(unsafe.Pointer(w.it))
}

func (w *walk) selectors(q Query) error {
	err := w.parse(q.Labels, func(text C.struct_tarn_bytes, cerr *C.struct_tarn_error) C.int {
		return C.tarn_selector_parse(text, &w.labels, cerr)
	})
	if err != nil {
		return err
	}
	return w.parse(q.Fields, func(text C.struct_tarn_bytes, cerr *C.struct_tarn_error) C.int {
		return C.tarn_field_selector_parse(text, &w.fields, cerr)
	})
}

// parse has the selector s parsed by one of C's functions; "" selects everything and needs none.
func (w *walk) parse(s string, fn func(C.struct_tarn_bytes, *C.struct_tarn_error) C.int) error {
	if s == "" {
		return nil
	}
	var cerr C.struct_tarn_error
	if code := fn(C.tarn_bytes_of(w.text(s)), &cerr); code != 0 {
		return newError(code, &cerr)
	}
	return nil
}

func (s *Snapshot) begin(resource string, q Query) (*walk, error) {
	w := &walk{it: C.go_iter_new()}
	if err := w.selectors(q); err != nil {
		w.release()
		return nil, err
	}
	c := C.struct_tarn_query{
		ns: w.text(q.Namespace), labels: w.labels, fields: w.fields, prefix: C.tarn_bytes_of(w.text(q.Prefix)),
		after: C.tarn_bytes_of(w.text(q.After)), limit: C.size_t(max(q.Limit, 0)), sorted: C.bool(q.Sorted),
	}
	if q.Index != "" || q.Value != "" {
		c.index, c.value = w.text(q.Index), w.text(q.Value)
	}
	var cerr C.struct_tarn_error
	if code := C.tarn_list(s.s, w.text(resource), &c, w.it, &cerr); code != 0 {
		w.release()
		return nil, newError(code, &cerr)
	}
	return w, nil
}

const atOnce = 64 // objects of a walk that one call into C takes

// List walks the objects that match q. An error ends it and comes with a zero Object.
func (s *Snapshot) List(resource string, q Query) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		if s.s == nil {
			yield(Object{}, ErrClosed)
			return
		}
		w, err := s.begin(resource, q)
		if err != nil {
			yield(Object{}, err)
			return
		}
		defer w.release()
		var batch [atOnce]*C.struct_tarn_object
		for {
			n := int(C.go_iter_take(w.it, &batch[0], atOnce))
			for _, obj := range batch[:n] {
				if !yield(Object{obj}, nil) {
					return
				}
			}
			if n < atOnce {
				break
			}
		}
		if code := C.tarn_iter_error(w.it); code != 0 {
			yield(Object{}, newError(code, nil))
		}
	}
}

// ByIndex walks the objects whose index has value.
func (s *Snapshot) ByIndex(resource, index, value string) iter.Seq2[Object, error] {
	return s.List(resource, Query{Index: index, Value: value})
}

func takeKeys(k *C.struct_tarn_keys) []string {
	ret := make([]string, 0, int(k.n))
	for _, b := range unsafe.Slice(k.v, int(k.n)) {
		ret = append(ret, text(b))
	}
	C.tarn_keys_release(k)
	return ret
}

// IndexValues are the values that an index has, in byte order.
func (s *Snapshot) IndexValues(resource, index string) ([]string, error) {
	var keys C.struct_tarn_keys
	var cerr C.struct_tarn_error
	if s.s == nil {
		return nil, ErrClosed
	}
	var w walk
	defer w.release()
	if code := C.tarn_list_index_values(s.s, w.text(resource), w.text(index), &keys, &cerr); code != 0 {
		return nil, newError(code, &cerr)
	}
	return takeKeys(&keys), nil
}

// IndexKeys are the keys of the objects whose index has value, in key order.
func (s *Snapshot) IndexKeys(resource, index, value string) ([]string, error) {
	var keys C.struct_tarn_keys
	var cerr C.struct_tarn_error
	if s.s == nil {
		return nil, ErrClosed
	}
	var w walk
	defer w.release()
	if code := C.tarn_index_keys(s.s, w.text(resource), w.text(index), w.text(value), &keys, &cerr); code != 0 {
		return nil, newError(code, &cerr)
	}
	return takeKeys(&keys), nil
}

// Resource is the state of a mirrored resource at a snapshot.
type Resource struct {
	Name, APIVersion, Kind     string
	Namespaced                 bool
	Objects                    uint64
	Synced, Live               bool
	ResourceVersion, LastError string
	Indexes                    []string
}

func (s *Snapshot) describe(r *C.struct_tarn_resource) Resource {
	ret := Resource{
		Name: text(r.name), APIVersion: text(r.api_version), Kind: text(r.kind), Namespaced: bool(r.namespaced), Objects: uint64(r.objects),
		Synced: bool(r.synced), Live: bool(r.live), ResourceVersion: text(r.resource_version), LastError: text(r.last_error),
	}
	var w walk
	defer w.release()
	for i := 0; i < int(r.nindexes); i++ {
		var name C.struct_tarn_bytes
		if C.tarn_resource_index_at(s.s, w.text(ret.Name), C.uint(i), &name) == 0 {
			ret.Indexes = append(ret.Indexes, text(name))
		}
	}
	return ret
}

// Resource is the state of one resource, by any of its names.
func (s *Snapshot) Resource(name string) (Resource, error) {
	var r C.struct_tarn_resource
	var cerr C.struct_tarn_error
	if s.s == nil {
		return Resource{}, ErrClosed
	}
	var w walk
	defer w.release()
	if code := C.tarn_resource_find(s.s, w.text(name), &r, &cerr); code != 0 {
		return Resource{}, newError(code, &cerr)
	}
	return s.describe(&r), nil
}

// Resources are all that are mirrored in the realm.
func (s *Snapshot) Resources() ([]Resource, error) {
	var all []Resource
	if s.s == nil {
		return nil, ErrClosed
	}
	for n := C.uint(0); ; n++ {
		var r C.struct_tarn_resource
		switch code := C.tarn_resource_at(s.s, n, &r); code {
		case 0:
			all = append(all, s.describe(&r))
		case C.TARN_E_NOTFOUND:
			return all, nil
		default:
			return nil, newError(code, nil)
		}
	}
}
