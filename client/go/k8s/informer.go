package k8s

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
)

// Informer is a cache.SharedIndexInformer over the mirror. Each handler follows the region's change log on its own, so that a slow one delays only
// itself; the store is the region, always as new as it gets (with client-go it is as old as the informer's queue).
type Informer struct {
	options tarn.Options
	indexer *Indexer
	resync  time.Duration

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before
	stopped   bool
	handlers  map[*registration]bool
	following sync.WaitGroup
}

var _ cache.SharedIndexInformer = (*Informer)(nil)

// registration is one handler.
type registration struct {
	handler cache.ResourceEventHandler
	resync  time.Duration
	inf     *tarn.Informer
	watch   uint
	cancel  context.CancelFunc
	started bool
	removed atomic.Bool
}

// HasSynced: the handler was given the whole initial list.
func (r *registration) HasSynced() bool { return r.started && r.inf.HasSynced(r.watch) }

// NewSharedIndexInformer follows a resource; fresh as NewIndexer's. options are those of client: each handler attaches for itself.
func NewSharedIndexInformer(client *tarn.Client, options tarn.Options, resource string, fresh func() runtime.Object, resync time.Duration) (*Informer, error) {
	indexer, err := NewIndexer(client, resource, fresh)
	if err != nil {
		return nil, err
	}
	return &Informer{options: options, indexer: indexer, resync: resync, handlers: map[*registration]bool{}}, nil
}

// AddEventHandler registers with the informer's resync period, before or after Run.
func (i *Informer) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithResyncPeriod(h, i.resync)
}

// AddEventHandlerWithOptions is AddEventHandler with options; the logger is not used.
func (i *Informer) AddEventHandlerWithOptions(h cache.ResourceEventHandler, o cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	if o.ResyncPeriod != nil {
		return i.AddEventHandlerWithResyncPeriod(h, *o.ResyncPeriod)
	}
	return i.AddEventHandler(h)
}

// AddEventHandlerWithResyncPeriod registers h. Periods below a second are a second.
func (i *Informer) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, resync time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped {
		return nil, fmt.Errorf("handler %v was not added to shared informer because it has stopped already", h)
	}
	if resync > 0 {
		resync = max(resync, time.Second)
	}
	r := &registration{handler: h, resync: resync}
	i.handlers[r] = true
	if i.ctx != nil {
		if err := i.start(r); err != nil {
			delete(i.handlers, r)
			return nil, err
		}
	}
	return r, nil
}

// RemoveEventHandler ends a registration: no call begins after it; one that is under way is not waited for. A handler may remove itself.
func (i *Informer) RemoveEventHandler(handle cache.ResourceEventHandlerRegistration) error {
	r, ok := handle.(*registration)
	if !ok {
		return fmt.Errorf("invalid handler type %T", handle)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	r.removed.Store(true)
	if i.handlers[r] && r.started {
		r.cancel()
	}
	delete(i.handlers, r)
	return nil
}

// start follows for r. mu is held, and Run has begun.
func (i *Informer) start(r *registration) error {
	inf, err := tarn.NewInformer(i.options)
	if err != nil {
		return err
	}
	watch := tarn.Watch{Resource: i.indexer.resource, Resync: r.resync, Handler: i.handler(r)}
	if r.watch, err = inf.Watch(watch); err != nil {
		inf.Close()
		return err
	}
	ctx, cancel := context.WithCancel(i.ctx)
	r.inf, r.cancel, r.started = inf, cancel, true
	i.following.Add(1)
	go func() {
		defer i.following.Done()
		defer inf.Close()
		for !errors.Is(inf.Run(ctx), context.Canceled) {
			time.Sleep(time.Second) // out of memory, or a region that cannot be read: try again
		}
	}()
	return nil
}

// handler decodes for r. What cannot be decoded is not delivered.
func (i *Informer) handler(r *registration) tarn.Handler {
	d, h := &i.indexer.decoder, r.handler
	return tarn.Handler{
		Add: func(o tarn.Object, initial bool) {
			if obj, err := d.decode(o); err == nil && !r.removed.Load() {
				h.OnAdd(obj, initial)
			}
		},
		Update: func(old, o tarn.Object) {
			was, oldErr := d.decode(old)
			obj, err := d.decode(o)
			if err != nil || r.removed.Load() {
				return
			}
			if old.IsKey() || oldErr != nil {
				was = obj // the state before is gone: an update from itself, as a resync
			}
			h.OnUpdate(was, obj)
		},
		Delete: func(o tarn.Object) {
			if r.removed.Load() {
				return
			}
			if o.IsTombstone() {
				h.OnDelete(tombstone(d, o))
			} else if obj, err := d.decode(o); err == nil {
				h.OnDelete(obj)
			}
			d.forget(o.Key())
		},
	}
}

func tombstone(d *decoder, o tarn.Object) cache.DeletedFinalStateUnknown {
	t := cache.DeletedFinalStateUnknown{Key: o.Key()}
	if last := o.FinalState(); !last.IsZero() {
		t.Obj, _ = d.decode(last)
	}
	return t
}

// Run follows until stopCh is closed.
func (i *Informer) Run(stopCh <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stopCh:
			cancel()
		case <-ctx.Done():
		}
	}()
	i.RunWithContext(ctx)
}

// RunWithContext follows until ctx is done. An informer runs once.
func (i *Informer) RunWithContext(ctx context.Context) {
	if !i.begin(ctx) {
		return
	}
	<-ctx.Done()
	i.mu.Lock()
	i.stopped = true
	i.mu.Unlock()
	i.following.Wait()
}

func (i *Informer) begin(ctx context.Context) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ctx != nil || i.stopped {
		return false
	}
	i.ctx = ctx
	for r := range i.handlers {
		for i.start(r) != nil && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond) // no agent: it is waited for, as client-go waits for a server
		}
	}
	return true
}

// HasSynced: the agent has listed the resource.
func (i *Informer) HasSynced() bool {
	i.mu.Lock()
	running := i.ctx != nil
	i.mu.Unlock()
	return running && i.indexer.client.WaitSynced(i.indexer.resource, 0) == nil
}

// LastSyncResourceVersion is that of the mirror.
func (i *Informer) LastSyncResourceVersion() string {
	var version string
	_ = i.indexer.read(func(s *tarn.Snapshot) error {
		r, err := s.Resource(i.indexer.resource)
		version = r.ResourceVersion
		return err
	})
	return version
}

// IsStopped: Run has ended.
func (i *Informer) IsStopped() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stopped
}

// GetStore is the mirror.
func (i *Informer) GetStore() cache.Store { return i.indexer }

// GetIndexer is the mirror.
func (i *Informer) GetIndexer() cache.Indexer { return i.indexer }

// GetController is the informer.
func (i *Informer) GetController() cache.Controller { return i }

// AddIndexers is Indexer.AddIndexers.
func (i *Informer) AddIndexers(added cache.Indexers) error { return i.indexer.AddIndexers(added) }

// SetTransform changes objects as they are decoded; before Run.
func (i *Informer) SetTransform(f cache.TransformFunc) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ctx != nil {
		return errors.New("informer has already started")
	}
	i.indexer.decoder.setTransform(f)
	return nil
}

// SetWatchErrorHandler has no effect: the agent watches, and its errors are in tarn status.
func (i *Informer) SetWatchErrorHandler(cache.WatchErrorHandler) error { return nil }

// SetWatchErrorHandlerWithContext has no effect, as SetWatchErrorHandler.
func (i *Informer) SetWatchErrorHandlerWithContext(cache.WatchErrorHandlerWithContext) error {
	return nil
}
