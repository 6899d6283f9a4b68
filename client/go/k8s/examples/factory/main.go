// factory runs what a program with client-go's shared informers runs, on the mirror: only the line that makes the factory is another.
package main

import (
	"fmt"
	"log"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"tarn.dev/tarn"
	"tarn.dev/tarn/k8s"
)

func main() {
	client, err := tarn.Open(tarn.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	factory := k8s.NewSharedInformerFactory(client, tarn.Options{}, 0) // was: informers.NewSharedInformerFactory(clientset, 0)
	nodes := factory.Core().V1().Nodes()
	if _, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { fmt.Println("added", obj.(*corev1.Node).Name) },
	}); err != nil {
		log.Fatal(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	for _, err := range factory.Missing() { // resources that the agent does not mirror
		log.Print(err)
	}
	all, err := nodes.Lister().List(labels.Everything())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(all), "nodes")
	close(stop)
	factory.Shutdown()
}
