package rpc

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// jsonCodec reads and writes JSON, as protobuf has it. It is strict: a field that is not declared is refused, for a misspelt one would
// else be a change that is silently not made.
type jsonCodec struct{ name string }

// Name is connect.Codec's.
func (c jsonCodec) Name() string { return c.name }

// Marshal is connect.Codec's.
func (c jsonCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend is what connect calls where a codec has it.
func (jsonCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	if tasks, ok := message.(*taskflowv1.ListTasksResponse); ok {
		if text, ok := appendTasks(to, tasks); ok {
			return text, nil
		}
	}
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return protojson.MarshalOptions{}.MarshalAppend(to, m)
}

// Unmarshal is connect.Codec's.
func (jsonCodec) Unmarshal(data []byte, message any) error {
	m, err := messageOf(message)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errors.New("the message is empty: send {} at least")
	}
	if !shallow(data, maxDepth) {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(data, m); err != nil {
		return readable(err)
	}
	return nil
}

// binaryCodec reads and writes protobuf.
type binaryCodec struct{}

// Name is connect.Codec's.
func (binaryCodec) Name() string { return "proto" }

// Marshal is connect.Codec's.
func (c binaryCodec) Marshal(message any) ([]byte, error) { return c.MarshalAppend(nil, message) }

// MarshalAppend is what connect calls where a codec has it.
func (binaryCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{}.MarshalAppend(to, m)
}

// Unmarshal is connect.Codec's.
func (binaryCodec) Unmarshal(data []byte, message any) error {
	m, err := messageOf(message)
	if err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(data, m); err != nil {
		return readable(err)
	}
	return nil
}

func messageOf(message any) (proto.Message, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", message)
	}
	return m, nil
}

// readable is what is wrong with a message, as its sender may read it: it speaks of what was sent and of nothing else.
func readable(err error) error {
	text := strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:", ""))
	return errors.New(strings.ToValidUTF8(text, "\uFFFD"))
}

// shallow tells whether JSON is nested no deeper than so many levels. It looks at brackets only; whether it is JSON at all, the parser
// finds out.
func shallow(data []byte, most int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return false
			}
		case c == '}' || c == ']':
			depth = max(depth-1, 0)
		}
	}
	return true
}

// clean refuses texts that hold a zero byte: PostgreSQL keeps none, and no text that somebody writes has one.
func clean(m protoreflect.Message) error {
	var problems []error
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		bad := false
		switch {
		case d.IsList():
			for i := range v.List().Len() {
				switch one := v.List().Get(i); d.Kind() {
				case protoreflect.StringKind:
					bad = bad || strings.ContainsRune(one.String(), 0)
				case protoreflect.MessageKind:
					problems = append(problems, clean(one.Message()))
				}
			}
		case d.Kind() == protoreflect.StringKind:
			bad = strings.ContainsRune(v.String(), 0)
		case d.Kind() == protoreflect.MessageKind:
			problems = append(problems, clean(v.Message()))
		}
		if bad {
			problems = append(problems, fault.BadInput(string(d.Name()), "it holds a zero byte", "leave it out"))
		}
		return true
	})
	return errors.Join(problems...)
}
