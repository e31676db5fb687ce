package engine

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// What stands for values that are not shown.
const (
	secretText  = "[secret]"
	unknownText = "[unknown]"
	fileText    = "[file]"
)

// diffs are a step's property changes. The provider's own detailed comparison is taken where there is
// one; otherwise the inputs are compared here.
func diffs(m apitype.StepEventMetadata, op Op) []Diff {
	if m.Old == nil || m.New == nil || op == OpSame || op == OpRead || op == OpRefresh {
		return nil
	}
	oldInputs, newInputs := masked(m.Old.Inputs), masked(m.New.Inputs)
	oldOutputs, newOutputs := masked(m.Old.Outputs), masked(m.New.Outputs)
	if len(m.DetailedDiff) == 0 {
		if reflect.DeepEqual(oldInputs, newInputs) && len(m.Diffs) == 0 {
			return structural("", oldOutputs, newOutputs) // a refresh: the cloud changed, not the program
		}
		keep := func(d Diff) bool {
			top := strings.FieldsFunc(d.Property, func(c rune) bool { return c == '.' || c == '[' })
			return len(m.Diffs) == 0 || len(top) > 0 && slices.Contains(m.Diffs, top[0])
		}
		found := slices.DeleteFunc(structural("", oldInputs, newInputs), func(d Diff) bool { return !keep(d) })
		for i := range found {
			found[i].Replaces = slices.Contains(m.Keys, found[i].Property)
		}
		return found
	}
	var found []Diff
	for _, path := range slices.Sorted(maps.Keys(m.DetailedDiff)) {
		d := m.DetailedDiff[path]
		kind := strings.TrimSuffix(string(d.Kind), "-replace")
		diff := Diff{Property: path, Kind: kind, Replaces: kind != string(d.Kind)}
		parsed, err := resource.ParsePropertyPath(path)
		if err != nil {
			found = append(found, diff) // a path that cannot be read is still named
			continue
		}
		was, now := oldOutputs, newInputs
		if d.InputDiff {
			was = oldInputs
		}
		if kind != "add" {
			diff.Old = at(was, parsed)
			if diff.Old == nil {
				diff.Old = at(oldInputs, parsed)
			}
		}
		if kind != "delete" {
			diff.New = at(now, parsed)
			if diff.New == nil {
				diff.New = at(newOutputs, parsed)
			}
		}
		found = append(found, diff)
	}
	return found
}

// structural compares two values and names every leaf that differs.
func structural(path string, was, now any) []Diff {
	if reflect.DeepEqual(was, now) {
		return nil
	}
	if a, b := asMap(was), asMap(now); a != nil && b != nil {
		var found []Diff
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if strings.HasPrefix(key, "__") {
				continue // the provider's own bookkeeping
			}
			found = append(found, structural(join(path, key), a[key], b[key])...)
		}
		return found
	}
	a, isList := was.([]any)
	b, isListToo := now.([]any)
	if isList && isListToo {
		var found []Diff
		for i := range max(len(a), len(b)) {
			var x, y any
			if i < len(a) {
				x = a[i]
			}
			if i < len(b) {
				y = b[i]
			}
			found = append(found, structural(path+"["+strconv.Itoa(i)+"]", x, y)...)
		}
		return found
	}
	kind := "update"
	if was == nil {
		kind = "add"
	} else if now == nil {
		kind = "delete"
	}
	return []Diff{{Property: path, Kind: kind, Old: was, New: now}}
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// plainKey is a key that needs no quotes in a path.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

func join(path, key string) string {
	if !plainKey.MatchString(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// at is the value at a path; a secret on the way hides everything below it.
func at(v any, path resource.PropertyPath) any {
	for _, key := range path {
		switch value := v.(type) {
		case map[string]any:
			name, _ := key.(string)
			v = value[name]
		case []any:
			i, isIndex := key.(int)
			if !isIndex || i < 0 || i >= len(value) {
				return nil
			}
			v = value[i]
		case string:
			if value == secretText || value == unknownText {
				return value
			}
			return nil
		default:
			return nil
		}
	}
	return v
}

func masked(properties map[string]any) map[string]any {
	m, _ := mask(properties).(map[string]any)
	return m
}

// mask replaces the engine's markers by words. A secret's value never comes this far: the event stream
// holds it blinded; the marker is replaced all the same.
func mask(v any) any {
	switch value := v.(type) {
	case map[string]any:
		switch value[resource.SigKey] {
		case resource.SecretSig:
			return secretText
		case resource.AssetSig, resource.ArchiveSig:
			return fileText
		case resource.OutputValueSig:
			if secret, _ := value["secret"].(bool); secret {
				return secretText
			}
			if inner, known := value["value"]; known {
				return mask(inner)
			}
			return unknownText
		}
		out := make(map[string]any, len(value))
		for k, e := range value {
			out[k] = mask(e)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, e := range value {
			out[i] = mask(e)
		}
		return out
	case string:
		if value == plugin.UnknownStringValue || value == plugin.UnknownBoolValue || value == plugin.UnknownNumberValue ||
			value == plugin.UnknownArrayValue || value == plugin.UnknownObjectValue {
			return unknownText
		}
		return value
	default:
		return v
	}
}
