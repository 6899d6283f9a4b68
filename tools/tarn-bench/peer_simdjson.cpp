// peer_simdjson.cpp - simdjson's DOM on the same bytes: parse alone, and parse + MessagePack out of its tape.
//
// The writer here is as plain as ours (bytes straight into a buffer, shortest forms), so that the ratio compares
// the parsers and not two packing libraries.
#include "peer_simdjson.h"

#include <cstring>
#include <simdjson.h>

using namespace simdjson;

namespace {

struct writer {
    uint8_t *p;

    void byte(uint8_t b) { *p++ = b; }
    void be(uint64_t v, unsigned n)
    {
        for (unsigned i = n; i-- > 0;)
            *p++ = uint8_t(v >> (8 * i));
    }
    void uint(uint64_t v)
    {
        if (v < 0x80)
            return byte(uint8_t(v));
        unsigned log = v <= 0xff ? 0 : v <= 0xffff ? 1 : v <= 0xffffffff ? 2 : 3;
        byte(uint8_t(0xcc + log));
        be(v, 1u << log);
    }
    void sint(int64_t v)
    {
        if (v >= 0)
            return uint(uint64_t(v));
        if (v >= -32)
            return byte(uint8_t(v));
        unsigned log = v >= INT8_MIN ? 0 : v >= INT16_MIN ? 1 : v >= INT32_MIN ? 2 : 3;
        byte(uint8_t(0xd0 + log));
        be(uint64_t(v), 1u << log);
    }
    void real(double d)
    {
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        byte(0xcb);
        be(bits, 8);
    }
    void string(std::string_view s)
    {
        if (s.size() < 32) {
            byte(uint8_t(0xa0 | s.size()));
        } else {
            unsigned log = s.size() <= 0xff ? 0 : s.size() <= 0xffff ? 1 : 2;
            byte(uint8_t(0xd9 + log));
            be(s.size(), 1u << log);
        }
        memcpy(p, s.data(), s.size());
        p += s.size();
    }
    void header(size_t n, uint8_t small, uint8_t large)
    {
        if (n < 16)
            return byte(uint8_t(small | n));
        byte(uint8_t(large + (n > 0xffff)));
        be(n, n > 0xffff ? 4 : 2);
    }
    void value(dom::element e);
};

void writer::value(dom::element e)
{
    switch (e.type()) {
    case dom::element_type::NULL_VALUE:
        return byte(0xc0);
    case dom::element_type::BOOL:
        return byte(bool(e) ? 0xc3 : 0xc2);
    case dom::element_type::INT64:
        return sint(int64_t(e));
    case dom::element_type::UINT64:
        return uint(uint64_t(e));
    case dom::element_type::DOUBLE:
        return real(double(e));
    case dom::element_type::STRING:
        return string(std::string_view(e));
    case dom::element_type::ARRAY: {
        dom::array a = e;
        header(a.size(), 0x90, 0xdc);
        for (dom::element x : a)
            value(x);
        return;
    }
    case dom::element_type::OBJECT: {
        dom::object o = e;
        header(o.size(), 0x80, 0xde);
        for (dom::key_value_pair kv : o) {
            string(kv.key);
            value(kv.value);
        }
        return;
    }
    }
}

dom::parser &parser()
{
    static dom::parser p;
    return p;
}

} // namespace

static int parse(const char *json, size_t n, dom::element &e)
{
    error_code err = parser().parse(reinterpret_cast<const uint8_t *>(json), n, false).get(e);

    return err == SUCCESS        ? 0
           : err == NUMBER_ERROR ? PEER_SIMDJSON_NUMBER
           : err == DEPTH_ERROR  ? PEER_SIMDJSON_DEPTH
                                 : PEER_SIMDJSON_OTHER;
}

extern "C" int peer_simdjson_parse(const char *json, size_t n)
{
    dom::element e;

    return parse(json, n, e);
}

extern "C" int peer_simdjson_pack(const char *json, size_t n, uint8_t *out, size_t *ret_len)
{
    dom::element e;
    writer w = {out};
    int err = parse(json, n, e);

    if (err)
        return err;
    w.value(e);
    *ret_len = size_t(w.p - out);
    return 0;
}
