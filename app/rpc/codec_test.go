package rpc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/berth-iac/berth/app/rpc"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

func TestShallow(t *testing.T) {
	for text, want := range map[string]bool{
		``: true, `{}`: true, `[[]]`: true, `[[[]]]`: false, `{"a":{"b":[]}}`: false, `{"a":"[[[[[["}`: true, `{"a":"\"[[[[[["}`: true, `{"a":"\\"}[[[`: false, `[],[],[],[]`: true, `]]]]][[[`: false, `"[[[`: true,
	} {
		if got := rpc.Shallow([]byte(text), 2); got != want {
			t.Errorf("%s with 2 levels: %t, want %t", text, got, want)
		}
	}
}

// depthOf is how deep a text is nested, as the standard library reads it.
func depthOf(data []byte) int {
	d := json.NewDecoder(bytes.NewReader(data))
	depth, most := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return most
		}
		if err != nil {
			return -1
		}
		if mark, ok := token.(json.Delim); ok {
			if mark == '{' || mark == '[' {
				depth++
			} else {
				depth--
			}
			most = max(most, depth)
		}
	}
}

// FuzzJSON: whatever comes, the limit of depth agrees with what the standard library reads, nothing panics, and what was read once is
// written and read again as the same.
func FuzzJSON(f *testing.F) {
	for _, one := range []string{`{}`, `{"title":"x","labelIds":["a"]}`, `{"project_key":"A","due":"2026-01-01"}`, `[[[[`, `{"x":{"y":"\""}}`, `{"title":"\u0000\ud800"}`, `{"title":"é<>"}`, strings.Repeat("[", 40), `nul`, `"`, `{"a":1e999}`} {
		f.Add([]byte(one))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if json.Valid(data) {
			if depth := depthOf(data); depth >= 0 && rpc.Shallow(data, rpc.MaxDepth) != (depth <= rpc.MaxDepth) {
				t.Fatalf("%q is %d deep", data, depth)
			}
		}
		codec := rpc.JSON{}
		var one, two taskflowv1.CreateTaskRequest
		if codec.Unmarshal(data, &one) != nil {
			return
		}
		text, err := codec.Marshal(&one)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", data, err)
		}
		if err := codec.Unmarshal(text, &two); err != nil || !proto.Equal(&one, &two) {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
	})
}

func TestFieldsHaveTheirOwnNames(t *testing.T) {
	for form, want := range map[string]string{"title": "title", "status": "status_id", "column-name-3": "columns[3].name", "label-hue-0": "labels[0].hue", "then-1-do": "then[1].do",
		"else-0-value": "otherwise[0].value", "if": "condition", "": "", "filter.label_id": "filter.label_id"} {
		if got := rpc.FieldOf(form); got != want {
			t.Errorf("%q is called %q, want %q", form, got, want)
		}
	}
}

// full sets every field of a message, and of those in it, to something.
func full(m protoreflect.Message, seed int) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		one := func() protoreflect.Value {
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString([]string{"plain", "é<>&\u2028\U0001f6e0", "\"\\\n\t\x1f\x7f", " "}[(seed+i)%4])
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.Int32Kind:
				return protoreflect.ValueOfInt32([]int32{7, -7, 1 << 30}[(seed+i)%3])
			case protoreflect.Int64Kind:
				return protoreflect.ValueOfInt64(1_700_000_000)
			case protoreflect.MessageKind:
				v := m.NewField(f)
				if f.IsList() {
					v = v.List().NewElement()
				}
				if at, ok := v.Message().Interface().(*timestamppb.Timestamp); ok {
					at.Seconds, at.Nanos = 1_700_000_000, []int32{0, 120_000_000, 123_456_000, 123_456_789}[(seed+i)%4]
				} else {
					full(v.Message(), seed+1)
				}
				return v
			}
			panic("the test does not know " + f.Kind().String())
		}
		if f.IsList() {
			for range 2 {
				m.Mutable(f).List().Append(one())
			}
			continue
		}
		m.Set(f, one())
	}
}

// TestAListOfTasksIsTheSameJSON: what is written by hand is what protojson writes, with every field that these messages have.
func TestAListOfTasksIsTheSameJSON(t *testing.T) {
	same := func(m *taskflowv1.ListTasksResponse) {
		t.Helper()
		got, err := rpc.JSON{}.MarshalAppend([]byte("before"), m)
		must(t, err)
		want, err := protojson.Marshal(m)
		must(t, err)
		var one, two any
		must(t, json.Unmarshal(bytes.TrimPrefix(got, []byte("before")), &one))
		must(t, json.Unmarshal(want, &two))
		if !reflect.DeepEqual(one, two) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	same(&taskflowv1.ListTasksResponse{})
	same(&taskflowv1.ListTasksResponse{Tasks: []*taskflowv1.Task{{}, {Assignee: &taskflowv1.Person{}, Counts: &taskflowv1.TaskCounts{}, Labels: []*taskflowv1.Label{{}}}, {}}, NextPageToken: "x"})
	for seed := range 12 {
		m := &taskflowv1.ListTasksResponse{}
		full(m.ProtoReflect(), seed)
		same(m)
	}
	if _, err := (rpc.JSON{}).Marshal(&taskflowv1.ListTasksResponse{NextPageToken: "\xff"}); err == nil {
		t.Error("what is no text was written")
	}
}
