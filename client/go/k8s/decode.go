// Package k8s gives the mirror of tarnd client-go's interfaces: cache.Indexer for listers, cache.SharedIndexInformer for
// controllers, and informers.SharedInformerFactory as a drop-in for reading.
//
//	client, err := tarn.Open(tarn.Options{})
//	factory := k8s.NewSharedInformerFactory(client, 0)      // instead of informers.NewSharedInformerFactory(clientset, 0)
//	pods := factory.Core().V1().Pods().Lister()
//
// Nothing is listed or watched at the API server, and no process keeps a copy of everything: an object is decoded when a lister or a handler
// is asked for it, and the decoded form is kept while it is used again. As with client-go, what they return is shared: do not modify it.
package k8s

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
)

// decoder makes API objects of shared bytes, and remembers those that were asked for.
type decoder struct {
	fresh      func() runtime.Object // nil: unstructured
	apiVersion string                // of unstructured objects: items of lists do not say it
	kind       string

	mu        sync.Mutex
	transform cache.TransformFunc
	known     map[string]decoded // by key
}

// decoded is an object that was decoded before; it is good for that uid and version only.
type decoded struct {
	uid, version string
	obj          any
}

// knownMax bounds what is remembered: beyond it the memory starts anew.
const knownMax = 10000

func (d *decoder) decode(o tarn.Object) (any, error) {
	key, uid, version := o.Key(), o.UID(), o.ResourceVersion()
	d.mu.Lock()
	was, ok := d.known[key]
	transform := d.transform
	d.mu.Unlock()
	if ok && was.uid == uid && was.version == version {
		return was.obj, nil
	}
	obj, err := d.make(o, transform)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= knownMax {
		d.known = map[string]decoded{}
	}
	d.known[key] = decoded{uid, version, obj}
	return obj, nil
}

// forget drops a key that went.
func (d *decoder) forget(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, key)
}

func (d *decoder) setTransform(f cache.TransformFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.transform = f
	d.known = nil
}

func (d *decoder) make(o tarn.Object, transform cache.TransformFunc) (any, error) {
	content, err := o.Map()
	if err != nil {
		return nil, err
	}
	var obj any
	if obj, err = d.shape(content); err == nil && transform != nil {
		obj, err = transform(obj)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Key(), err)
	}
	return obj, nil
}

func (d *decoder) shape(content map[string]any) (any, error) {
	if d.fresh == nil {
		u := &unstructured.Unstructured{Object: content}
		if u.GetKind() == "" {
			u.SetAPIVersion(d.apiVersion)
			u.SetKind(d.kind)
		}
		return u, nil
	}
	obj := d.fresh()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, obj); err != nil {
		return nil, err
	}
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{}) // typed objects do not say it, as with client-go
	return obj, nil
}
