package k8s

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
)

// ErrReadOnly is what the writing half of a store answers: only tarnd writes.
var ErrReadOnly = errors.New("the mirror is read-only: write to the API server")

// Indexer is a cache.Indexer over the mirror: each call reads the newest snapshot. Index names are the agent's (namespace, spec.nodeName,
// label:KEY ...), found by the region's indexes; those given to AddIndexers are computed here, by a walk over all objects.
//
// Listers of client-go work on it: corelisters.NewPodLister(indexer).
type Indexer struct {
	client   *tarn.Client
	resource string
	decoder  decoder

	mu       sync.RWMutex
	indexers cache.Indexers // given by AddIndexers
}

var _ cache.Indexer = (*Indexer)(nil)

// NewIndexer reads resource ("pods", "deployments.apps"); fresh makes the type to decode into, such as
// func() runtime.Object { return &corev1.Pod{} }; nil: unstructured objects.
func NewIndexer(client *tarn.Client, resource string, fresh func() runtime.Object) (*Indexer, error) {
	i := &Indexer{client: client, resource: resource, indexers: cache.Indexers{}}
	i.decoder.fresh = fresh
	return i, i.read(func(s *tarn.Snapshot) error {
		r, err := s.Resource(resource)
		i.decoder.apiVersion, i.decoder.kind = r.APIVersion, r.Kind
		return err
	})
}

// read calls fn with a snapshot, again if memory pressure ended it meanwhile.
func (i *Indexer) read(fn func(*tarn.Snapshot) error) error {
	for tries := 0; ; tries++ {
		s, err := i.client.Snapshot()
		if err != nil {
			return err
		}
		err = fn(s)
		if closed := s.Close(); closed != nil {
			err = closed
		}
		if !errors.Is(err, tarn.ErrExpired) || tries == 10 {
			return err
		}
	}
}

func (i *Indexer) collect(q tarn.Query, keep func(any) (bool, error)) ([]any, error) {
	var all []any
	err := i.read(func(s *tarn.Snapshot) error {
		all = []any{}
		for o, err := range s.List(i.resource, q) {
			if err != nil {
				return err
			}
			obj, err := i.decoder.decode(o)
			if err != nil {
				return err
			}
			ok := keep == nil
			if !ok {
				if ok, err = keep(obj); err != nil {
					return err
				}
			}
			if ok {
				all = append(all, obj)
			}
		}
		return nil
	})
	return all, err
}

// List returns every object; none when the agent cannot be read.
func (i *Indexer) List() []any {
	all, _ := i.collect(tarn.Query{}, nil)
	return all
}

// ListKeys returns every key.
func (i *Indexer) ListKeys() []string {
	var all []string
	_ = i.read(func(s *tarn.Snapshot) error {
		all = []string{}
		for o, err := range s.List(i.resource, tarn.Query{}) {
			if err != nil {
				return err
			}
			all = append(all, o.Key())
		}
		return nil
	})
	return all
}

// Get returns the object that has the key of obj.
func (i *Indexer) Get(obj any) (any, bool, error) {
	key, err := cache.MetaNamespaceKeyFunc(obj)
	if err != nil {
		return nil, false, cache.KeyError{Obj: obj, Err: err}
	}
	return i.GetByKey(key)
}

// GetByKey returns the object under "namespace/name" or "name".
func (i *Indexer) GetByKey(key string) (any, bool, error) {
	var obj any
	err := i.read(func(s *tarn.Snapshot) error {
		o, err := s.Get(i.resource, key)
		if err == nil {
			obj, err = i.decoder.decode(o)
		}
		return err
	})
	if errors.Is(err, tarn.ErrNotFound) {
		i.decoder.forget(key)
		return nil, false, nil
	}
	return obj, err == nil, err
}

// own is the index function of that name given to AddIndexers; nil: the region's index.
func (i *Indexer) own(name string) cache.IndexFunc {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.indexers[name]
}

// Index returns the objects that share a value of the index with obj.
func (i *Indexer) Index(name string, obj any) ([]any, error) {
	fn := i.own(name)
	if fn == nil && name == cache.NamespaceIndex {
		fn = cache.MetaNamespaceIndexFunc
	}
	if fn == nil {
		return nil, fmt.Errorf("index %s of the agent cannot be computed of an object here; use ByIndex, or AddIndexers", name)
	}
	values, err := fn(obj)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, v := range values {
		some, err := i.ByIndex(name, v)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func has(fn cache.IndexFunc, value string) func(any) (bool, error) {
	return func(obj any) (bool, error) {
		values, err := fn(obj)
		for _, v := range values {
			if v == value {
				return true, err
			}
		}
		return false, err
	}
}

// ByIndex returns the objects whose index has value.
func (i *Indexer) ByIndex(name, value string) ([]any, error) {
	if fn := i.own(name); fn != nil {
		return i.collect(tarn.Query{}, has(fn, value))
	}
	return i.collect(tarn.Query{Index: name, Value: value}, nil)
}

// IndexKeys returns the keys of the objects whose index has value.
func (i *Indexer) IndexKeys(name, value string) ([]string, error) {
	var keys []string
	if i.own(name) == nil {
		err := i.read(func(s *tarn.Snapshot) (err error) {
			keys, err = s.IndexKeys(i.resource, name, value)
			return err
		})
		return keys, err
	}
	all, err := i.ByIndex(name, value)
	for _, obj := range all {
		key, err := cache.MetaNamespaceKeyFunc(obj)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, err
}

// ListIndexFuncValues returns the values that the index has.
func (i *Indexer) ListIndexFuncValues(name string) []string {
	var values []string
	fn := i.own(name)
	if fn == nil {
		_ = i.read(func(s *tarn.Snapshot) (err error) {
			values, err = s.IndexValues(i.resource, name)
			return err
		})
		return values
	}
	seen := map[string]bool{}
	_, _ = i.collect(tarn.Query{}, func(obj any) (bool, error) {
		some, err := fn(obj)
		for _, v := range some {
			if !seen[v] {
				seen[v] = true
				values = append(values, v)
			}
		}
		return false, err
	})
	return values
}

// GetIndexers returns those given to AddIndexers; the agent's have no functions.
func (i *Indexer) GetIndexers() cache.Indexers {
	i.mu.RLock()
	defer i.mu.RUnlock()
	all := cache.Indexers{}
	for name, fn := range i.indexers {
		all[name] = fn
	}
	return all
}

// AddIndexers adds index functions. Names that the agent has an index for keep using the agent's, which is the faster one.
func (i *Indexer) AddIndexers(added cache.Indexers) error {
	var has []string
	err := i.read(func(s *tarn.Snapshot) error {
		r, err := s.Resource(i.resource)
		has = r.Indexes
		return err
	})
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for name := range added {
		if _, twice := i.indexers[name]; twice {
			return fmt.Errorf("indexer conflict: %s", name)
		}
	}
	for name, fn := range added {
		if !contains(has, name) {
			i.indexers[name] = fn
		}
	}
	return nil
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// Add, Update, Delete and Replace answer ErrReadOnly.
func (i *Indexer) Add(any) error               { return ErrReadOnly }
func (i *Indexer) Update(any) error            { return ErrReadOnly }
func (i *Indexer) Delete(any) error            { return ErrReadOnly }
func (i *Indexer) Replace([]any, string) error { return ErrReadOnly }

// Resync does nothing, as a store's.
func (i *Indexer) Resync() error { return nil }
