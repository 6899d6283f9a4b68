package k8s

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/admissionregistration"
	"k8s.io/client-go/informers/apiserverinternal"
	"k8s.io/client-go/informers/apps"
	"k8s.io/client-go/informers/autoscaling"
	"k8s.io/client-go/informers/batch"
	"k8s.io/client-go/informers/certificates"
	"k8s.io/client-go/informers/coordination"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/discovery"
	"k8s.io/client-go/informers/events"
	"k8s.io/client-go/informers/extensions"
	"k8s.io/client-go/informers/flowcontrol"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/networking"
	"k8s.io/client-go/informers/node"
	"k8s.io/client-go/informers/policy"
	"k8s.io/client-go/informers/rbac"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/scheduling"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/informers/storagemigration"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
)

// Factory is an informers.SharedInformerFactory whose informers read the mirror. What the agent does not mirror has an informer that never syncs;
// Missing tells which.
type Factory struct {
	client  *tarn.Client
	options tarn.Options
	resync  time.Duration

	mu        sync.Mutex
	informers map[reflect.Type]cache.SharedIndexInformer
	started   map[reflect.Type]bool
	missing   []error
	shutdown  bool
	running   sync.WaitGroup
}

var _ informers.SharedInformerFactory = (*Factory)(nil)

// NewSharedInformerFactory reads through client; options are those it was opened with.
func NewSharedInformerFactory(client *tarn.Client, options tarn.Options, resync time.Duration) *Factory {
	return &Factory{client: client, options: options, resync: resync, informers: map[reflect.Type]cache.SharedIndexInformer{},
		started: map[reflect.Type]bool{}}
}

// Missing are the errors of informers asked for that the agent does not mirror.
func (f *Factory) Missing() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.missing...)
}

// resourceOf is the name that the agent knows a type by.
func resourceOf(obj runtime.Object) (string, error) {
	kinds, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		return "", err
	}
	plural, _ := meta.UnsafeGuessKindToResource(kinds[0])
	return plural.GroupResource().String(), nil
}

// InformerFor is the informer of obj's type; newFunc, which would read the API server, is not called.
func (f *Factory) InformerFor(obj runtime.Object, newFunc internalinterfaces.NewInformerFunc) cache.SharedIndexInformer {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := reflect.TypeOf(obj)
	if known, ok := f.informers[kind]; ok {
		return known
	}
	made, err := f.make(obj)
	if err != nil {
		f.missing = append(f.missing, fmt.Errorf("%T: %w", obj, err))
		made = &Informer{options: f.options, indexer: &Indexer{client: f.client, resource: "missing"}, handlers: map[*registration]bool{}}
	}
	f.informers[kind] = made
	return made
}

func (f *Factory) make(obj runtime.Object) (*Informer, error) {
	resource, err := resourceOf(obj)
	if err != nil {
		return nil, err
	}
	kind := reflect.TypeOf(obj).Elem()
	fresh := func() runtime.Object { return reflect.New(kind).Interface().(runtime.Object) }
	return NewSharedIndexInformer(f.client, f.options, resource, fresh, f.resync)
}

// generic is one resource's informer and lister.
type generic struct {
	informer cache.SharedIndexInformer
	resource schema.GroupResource
}

func (g generic) Informer() cache.SharedIndexInformer { return g.informer }
func (g generic) Lister() cache.GenericLister {
	return cache.NewGenericLister(g.informer.GetIndexer(), g.resource)
}

// ForResource is the informer of a built-in type by its resource, or of any mirrored resource as unstructured objects.
func (f *Factory) ForResource(r schema.GroupVersionResource) (informers.GenericInformer, error) {
	for kind, t := range scheme.Scheme.KnownTypes(r.GroupVersion()) {
		plural, _ := meta.UnsafeGuessKindToResource(r.GroupVersion().WithKind(kind))
		if plural != r {
			continue
		}
		if obj, ok := reflect.New(t).Interface().(runtime.Object); ok {
			return generic{f.InformerFor(obj, nil), r.GroupResource()}, nil
		}
	}
	made, err := NewSharedIndexInformer(f.client, f.options, r.GroupResource().String(), nil, f.resync)
	if err != nil {
		return nil, fmt.Errorf("no informer found for %v: %w", r, err)
	}
	return generic{made, r.GroupResource()}, nil
}

// Start runs every informer that was asked for and does not run yet.
func (f *Factory) Start(stopCh <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shutdown {
		return
	}
	for kind, informer := range f.informers {
		if f.started[kind] {
			continue
		}
		f.started[kind] = true
		f.running.Add(1)
		go func() {
			defer f.running.Done()
			informer.Run(stopCh)
		}()
	}
}

// Shutdown waits until all have ended; no other starts.
func (f *Factory) Shutdown() {
	f.mu.Lock()
	f.shutdown = true
	f.mu.Unlock()
	f.running.Wait()
}

// WaitForCacheSync waits until the agent has listed what was started, or stopCh is closed.
func (f *Factory) WaitForCacheSync(stopCh <-chan struct{}) map[reflect.Type]bool {
	waited := map[reflect.Type]cache.SharedIndexInformer{}
	f.mu.Lock()
	for kind, informer := range f.informers {
		if f.started[kind] {
			waited[kind] = informer
		}
	}
	f.mu.Unlock()
	ret := map[reflect.Type]bool{}
	for kind, informer := range waited {
		ret[kind] = cache.WaitForCacheSync(stopCh, informer.HasSynced)
	}
	return ret
}

// The groups, as client-go's factory has them.

func (f *Factory) Admissionregistration() admissionregistration.Interface {
	return admissionregistration.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Internal() apiserverinternal.Interface {
	return apiserverinternal.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Apps() apps.Interface { return apps.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Autoscaling() autoscaling.Interface {
	return autoscaling.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Batch() batch.Interface { return batch.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Certificates() certificates.Interface {
	return certificates.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Coordination() coordination.Interface {
	return coordination.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Core() core.Interface           { return core.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Discovery() discovery.Interface { return discovery.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Events() events.Interface       { return events.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Extensions() extensions.Interface {
	return extensions.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Flowcontrol() flowcontrol.Interface {
	return flowcontrol.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Networking() networking.Interface {
	return networking.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Node() node.Interface         { return node.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Policy() policy.Interface     { return policy.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Rbac() rbac.Interface         { return rbac.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Resource() resource.Interface { return resource.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Scheduling() scheduling.Interface {
	return scheduling.New(f, metav1.NamespaceAll, nil)
}
func (f *Factory) Storage() storage.Interface { return storage.New(f, metav1.NamespaceAll, nil) }
func (f *Factory) Storagemigration() storagemigration.Interface {
	return storagemigration.New(f, metav1.NamespaceAll, nil)
}
