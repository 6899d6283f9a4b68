package main

import (
	"reflect"

	"k8s.io/client-go/tools/cache"
)

// Length is how many events wait: the queue has no question for it.
func Length(q *cache.RealFIFO) int {
	return reflect.ValueOf(q).Elem().FieldByName("items").Len()
}
