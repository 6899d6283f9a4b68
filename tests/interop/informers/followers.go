package main

import (
	"context"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	crcache "sigs.k8s.io/controller-runtime/pkg/cache"
	crclient "sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	pods     = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nodes    = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	services = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	configs  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	slices   = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	things   = schema.GroupVersionResource{Group: "tarn.test", Version: "v1", Resource: "things"}
)

// followers are the kinds of informers that programs have: typed, of any resource, of metadata alone, and
// controller-runtime's; of everything, and of what a selector lets through.
var followers = []follower{
	{"typed pods", view{gvr: pods}, typed},
	{"typed pods by label", view{gvr: pods, labels: "app in (a1,a2,a3)"}, typed},
	{"typed pods by field", view{gvr: pods, fields: "spec.nodeName=node-2"}, typed},
	{"typed nodes", view{gvr: nodes}, typed},
	{"typed slices in a namespace", view{gvr: slices, namespace: "beta"}, typed},
	{"dynamic things", view{gvr: things}, ofAny},
	{"dynamic things by label", view{gvr: things, labels: "app!=a2", namespace: "alpha"}, ofAny},
	{"metadata of services", view{gvr: services}, ofMetadata},
	{"metadata of configmaps by label", view{gvr: configs, labels: "app"}, ofMetadata},
	{"controller-runtime pods", view{gvr: pods}, runtimeCache(func() crclient.Object { return &v1.Pod{} }, func() crclient.ObjectList { return &v1.PodList{} })},
	{"controller-runtime services by label", view{gvr: services, labels: "app=a4"}, runtimeCache(func() crclient.Object { return &v1.Service{} }, func() crclient.ObjectList { return &v1.ServiceList{} })},
	{"controller-runtime things", view{gvr: things}, runtimeCache(newThing, newThings)},
	{"controller-runtime configmaps' metadata", view{gvr: configs}, runtimeCache(newConfig, newConfigs)},
}

func run(ctx context.Context, i cache.SharedIndexInformer) (informer, func() []any, error) {
	go i.Run(ctx.Done())
	return i, i.GetStore().List, nil
}

func typed(ctx context.Context, cfg *rest.Config, v view) (informer, func() []any, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, nil, err
	}
	f := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(v.namespace), informers.WithTweakListOptions(v.options))
	i, err := f.ForResource(v.gvr)
	if err != nil {
		return nil, nil, err
	}
	return run(ctx, i.Informer())
}

func ofAny(ctx context.Context, cfg *rest.Config, v view) (informer, func() []any, error) {
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, nil, err
	}
	return run(ctx, dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, v.namespace, v.options).ForResource(v.gvr).Informer())
}

func ofMetadata(ctx context.Context, cfg *rest.Config, v view) (informer, func() []any, error) {
	client, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, nil, err
	}
	return run(ctx, metadatainformer.NewFilteredSharedInformerFactory(client, 0, v.namespace, v.options).ForResource(v.gvr).Informer())
}

// ---- controller-runtime -----------------------------------------------------------------------------

func newThing() crclient.Object {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "tarn.test", Version: "v1", Kind: "Thing"})
	return u
}

func newThings() crclient.ObjectList {
	u := &unstructured.UnstructuredList{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "tarn.test", Version: "v1", Kind: "ThingList"})
	return u
}

func newConfig() crclient.Object {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
	return m
}

func newConfigs() crclient.ObjectList {
	m := &metav1.PartialObjectMetadataList{}
	m.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMapList"})
	return m
}

// items of a list as objects; the three kinds of lists that are used here.
func items(list crclient.ObjectList) (all []any) {
	switch l := list.(type) {
	case *v1.PodList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *v1.ServiceList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *unstructured.UnstructuredList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *metav1.PartialObjectMetadataList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	}
	return all
}

func runtimeCache(object func() crclient.Object, list func() crclient.ObjectList) func(context.Context, *rest.Config, view) (informer, func() []any, error) {
	return func(ctx context.Context, cfg *rest.Config, v view) (informer, func() []any, error) {
		label, err := labels.Parse(v.labels)
		must(err)
		field, err := fields.ParseSelector(v.fields)
		must(err)
		c, err := crcache.New(cfg, crcache.Options{Scheme: scheme.Scheme, ByObject: map[crclient.Object]crcache.ByObject{object(): {Label: label, Field: field}}})
		if err != nil {
			return nil, nil, err
		}
		i, err := c.GetInformer(ctx, object(), crcache.BlockUntilSynced(false))
		if err != nil {
			return nil, nil, err
		}
		go func() { must(c.Start(ctx)) }()
		return i, func() []any {
			l := list()
			must(c.List(ctx, l))
			return items(l)
		}, nil
	}
}
