package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// CloudWatch is called in CBOR by AWS's newest SDKs. Moto knows its older form, JSON, so that the proxy translates.
const cborType = "application/cbor"

var (
	cborPath = regexp.MustCompile(`^/service/([^/]+)/operation/([^/]+)$`)
	// A time is a tagged number in CBOR and a plain one in JSON: it is told by its name.
	timed = regexp.MustCompile(`(Timestamps?|Time|Date|LastModified|(Created|Updated)At)$`)
)

// jsonOf makes a call in CBOR one in JSON; any other is left as it is.
func jsonOf(r *http.Request, body []byte) (_ []byte, translated bool, _ error) {
	m := cborPath.FindStringSubmatch(r.URL.Path)
	if m == nil || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		return body, false, nil
	}
	var input any = map[string]any{}
	if len(body) > 0 {
		value, err := cbor.Decode(body)
		if err != nil {
			return nil, false, fmt.Errorf("decode a call in CBOR: %w", err)
		}
		if input, err = plain(value); err != nil {
			return nil, false, err
		}
	}
	text, err := json.Marshal(input)
	if err != nil {
		return nil, false, fmt.Errorf("write a call as JSON: %w", err)
	}
	r.URL.Path = "/"
	r.Header.Del("Smithy-Protocol")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", m[1]+"."+m[2])
	return text, true, nil
}

// cborOf makes an answer in JSON one in CBOR.
func cborOf(r *http.Response) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read moto's answer: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return fmt.Errorf("read moto's answer: %w", err)
	}
	if len(text) == 0 {
		text = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var output any
	if err := decoder.Decode(&output); err != nil { // moto's page about an error of its own
		output = map[string]any{"__type": "InternalFailure", "message": "the emulator cannot do this: " + r.Request.Header.Get("X-Amz-Target")}
	}
	encoded := cbor.Encode(tagged("", output))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(encoded)), int64(len(encoded))
	r.Header.Set("Content-Length", strconv.Itoa(len(encoded)))
	r.Header.Set("Content-Type", cborType)
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	return nil
}

// plain is a value of CBOR as one of JSON.
func plain(value cbor.Value) (any, error) {
	switch v := value.(type) {
	case cbor.Map:
		all := map[string]any{}
		for key, inner := range v {
			p, err := plain(inner)
			if err != nil {
				return nil, err
			}
			all[key] = p
		}
		return all, nil
	case cbor.List:
		all := make([]any, 0, len(v))
		for _, inner := range v {
			p, err := plain(inner)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		return all, nil
	case *cbor.Tag:
		return plain(v.Value)
	case cbor.String:
		return string(v), nil
	case cbor.Bool:
		return bool(v), nil
	case cbor.Uint:
		return uint64(v), nil
	case cbor.NegInt:
		return -int64(v), nil
	case cbor.Float32:
		return float32(v), nil
	case cbor.Float64:
		return float64(v), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	default:
		return nil, fmt.Errorf("a call in CBOR holds a %T, which JSON cannot say", value)
	}
}

// tagged is a value of JSON, under a name, as one of CBOR.
func tagged(name string, value any) cbor.Value {
	switch v := value.(type) {
	case map[string]any:
		all := cbor.Map{}
		for key, inner := range v {
			if inner != nil {
				all[key] = tagged(key, inner)
			}
		}
		return all
	case []any:
		all := cbor.List{}
		for _, inner := range v {
			all = append(all, tagged(name, inner))
		}
		return all
	case json.Number:
		return number(name, v)
	case bool:
		return cbor.Bool(v)
	case string:
		return cbor.String(v)
	default:
		return &cbor.Nil{}
	}
}

func number(name string, n json.Number) cbor.Value {
	f, err := n.Float64()
	if err != nil {
		return cbor.String(n)
	}
	if timed.MatchString(name) {
		return &cbor.Tag{ID: 1, Value: cbor.Float64(f)}
	}
	if i, err := n.Int64(); err == nil && !strings.ContainsAny(n.String(), ".eE") {
		if i < 0 {
			return cbor.NegInt(-i)
		}
		return cbor.Uint(i)
	}
	return cbor.Float64(f)
}
