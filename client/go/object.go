package tarn

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Object is one API object where it lies in shared memory: good until its snapshot is closed, or until the handler that it was
// given to returns. Objects are compared by pointer.
type Object struct {
	p *C.struct_tarn_object
}

// IsZero tells whether there is no object at all.
func (o Object) IsZero() bool { return o.p == nil }

// Key is "namespace/name", or "name" where there are no namespaces.
func (o Object) Key() string { return text(C.tarn_object_key(o.p)) }

// Name is metadata.name.
func (o Object) Name() string { return text(C.tarn_object_name(o.p)) }

// Namespace is metadata.namespace.
func (o Object) Namespace() string { return text(C.tarn_object_namespace(o.p)) }

// UID is metadata.uid.
func (o Object) UID() string { return text(C.tarn_object_uid(o.p)) }

// ResourceVersion is metadata.resourceVersion.
func (o Object) ResourceVersion() string { return text(C.tarn_object_resource_version_text(o.p)) }

// IsTombstone: the delete itself was missed. FinalState may have the state before.
func (o Object) IsTombstone() bool { return C.tarn_object_flags(o.p)&C.TARN_OBJECT_TOMBSTONE != 0 }

// IsKey: only the key is known (an informer's old state that is gone).
func (o Object) IsKey() bool { return C.tarn_object_flags(o.p)&C.TARN_OBJECT_EXPLICIT_KEY != 0 }

// FinalState is the last known state in a tombstone; zero if there is none.
func (o Object) FinalState() Object { return Object{C.tarn_object_final_state(o.p)} }

// Text is the string at a path such as "spec.nodeName" or "metadata.labels['a.b/c']".
func (o Object) Text(path string) (string, bool) {
	t := C.go_string(o.p, chars(path), C.size_t(len(path)))
	if t.code != 0 {
		return "", false
	}
	return text(t.text), true
}

// MessagePack is the body where it lies: read it before the snapshot is closed, and do not write to it.
func (o Object) MessagePack() []byte {
	b := C.tarn_object_body(o.p)
	return unsafe.Slice((*byte)(unsafe.Pointer(b.data)), int(b.len))
}

// JSON is the object as the server sent it, in memory of its own.
func (o Object) JSON() ([]byte, error) {
	var b C.struct_tarn_buf
	defer C.tarn_buf_release(&b)
	if code := C.tarn_object_to_json(o.p, &b); code != 0 {
		return nil, newError(code, nil)
	}
	return C.GoBytes(unsafe.Pointer(b.data), C.int(b.len)), nil
}

// Map is the object decoded, in memory of its own, with the types that unstructured objects have: map[string]any, []any, string, int64,
// float64, bool and nil.
func (o Object) Map() (map[string]any, error) {
	d := decoder{rest: o.MessagePack()}
	v, err := d.value(0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Key(), err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the object is no map", o.Key())
	}
	return m, nil
}

// decoder reads MessagePack; the bytes are shared with a writer, so that every length is checked.
type decoder struct {
	rest []byte
}

const depthMax = 512

var errCorrupt = sentinel(C.TARN_E_CORRUPT)

func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.rest) {
		return nil, errCorrupt
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

func (d *decoder) number(n int) (uint64, error) {
	b, err := d.take(n)
	if err != nil {
		return 0, err
	}
	switch n {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

func (d *decoder) text(n uint64, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	b, err := d.take(int(n))
	return string(b), err
}

func (d *decoder) list(n uint64, err error, depth int) (any, error) {
	if err != nil || n > uint64(len(d.rest)) || depth > depthMax {
		return nil, errCorrupt
	}
	all := make([]any, n)
	for i := range all {
		if all[i], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (d *decoder) dict(n uint64, err error, depth int) (any, error) {
	if err != nil || n > uint64(len(d.rest)) || depth > depthMax {
		return nil, errCorrupt
	}
	all := make(map[string]any, n)
	for ; n > 0; n-- {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, errCorrupt
		}
		if all[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func signed(v uint64, err error, bits uint) (any, error) {
	shift := 64 - bits
	return int64(v<<shift) >> shift, err
}

func unsigned(v uint64, err error) (any, error) {
	if v > math.MaxInt64 { // as encoding/json gives what no int64 holds
		return float64(v), err
	}
	return int64(v), err
}

func (d *decoder) value(depth int) (any, error) {
	b, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch c := b[0]; {
	case c < 0x80:
		return int64(c), nil
	case c < 0x90:
		return d.dict(uint64(c&0x0f), nil, depth)
	case c < 0xa0:
		return d.list(uint64(c&0x0f), nil, depth)
	case c < 0xc0:
		return d.text(uint64(c&0x1f), nil)
	case c >= 0xe0:
		return int64(int8(c)), nil
	default:
		return d.tagged(c, depth)
	}
}

func (d *decoder) tagged(c byte, depth int) (any, error) {
	switch c {
	case 0xc0:
		return nil, nil
	case 0xc2, 0xc3:
		return c == 0xc3, nil
	case 0xca:
		n, err := d.number(4)
		return float64(math.Float32frombits(uint32(n))), err
	case 0xcb:
		n, err := d.number(8)
		return math.Float64frombits(n), err
	case 0xcc, 0xcd, 0xce, 0xcf:
		return unsigned(d.number(1 << (c - 0xcc)))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		n, err := d.number(1 << (c - 0xd0))
		return signed(n, err, 8<<(c-0xd0))
	case 0xd9, 0xda, 0xdb:
		return d.text(d.number(1 << (c - 0xd9)))
	case 0xdc, 0xdd:
		n, err := d.number(2 << (c - 0xdc))
		return d.list(n, err, depth)
	case 0xde, 0xdf:
		n, err := d.number(2 << (c - 0xde))
		return d.dict(n, err, depth)
	}
	return nil, errCorrupt
}
