package mutation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// isDocument tells whether a text is a JSON object.
func isDocument(value string) bool { return strings.HasPrefix(value, "{") && json.Valid([]byte(value)) }

func decode(value string) map[string]any {
	if !strings.HasPrefix(value, "{") {
		return nil
	}
	var document map[string]any
	if json.Unmarshal([]byte(value), &document) != nil {
		return nil
	}
	return document
}

func encode(document any) string {
	text, err := json.Marshal(document)
	if err != nil {
		return ""
	}
	return string(text)
}

// foreign is an account that belongs to nobody in the reference stacks.
const foreign = "arn:aws:iam::999999999999:root"

// documents changes access policies, statement by statement.
func documents(_ *study, p place) []change {
	value, ok := p.value.(string)
	if !ok {
		return nil
	}
	document := decode(value)
	statements := statementsOf(document)
	if len(statements) == 0 {
		return nil
	}
	empty := clone(document).(map[string]any)
	empty["Statement"] = []any{}
	changes := []change{{operator: "policy emptied", before: "", after: encode(empty)}, extraStatement(p, document, statements)}
	for i, statement := range statements {
		sid := text(statement["Sid"])
		if sid == "" {
			sid = "*"
		}
		put := func(operator, below, before, shown string, edit func(map[string]any)) {
			copied := clone(document).(map[string]any)
			list := statementsOf(copied)
			if edit == nil {
				list = slices.Delete(list, i, i+1)
			} else {
				edit(list[i])
			}
			whole := make([]any, len(list))
			for n := range list {
				whole[n] = list[n]
			}
			copied["Statement"] = whole
			path := fmt.Sprintf("[%s]", sid)
			if sid == "*" {
				path = fmt.Sprintf("[%d]", i)
			}
			changes = append(changes, change{operator: operator, path: path + below, property: "[" + sid + "]" + below, before: before, after: shown, edit: p.put(encode(copied))})
		}
		set := func(operator, key string, after any) {
			if key == "" {
				put(operator, "", "", "", func(s map[string]any) {
					s["Principal"] = "*"
					delete(s, "Condition")
				})
				return
			}
			put(operator, "."+key, show(statement[key]), show(after), func(s map[string]any) { s[key] = after })
		}
		if statement["Effect"] == "Deny" {
			put("denial removed", "", "", "", nil)
			if statement["Principal"] == "*" {
				set("denial narrowed", "Principal", map[string]any{"AWS": foreign})
			}
			set("denial narrowed", "Action", "s3:ListAllMyBuckets")
			if list, many := statement["Action"].([]any); many && len(list) > 1 {
				set("denial cut to one", "Action", list[0])
			}
			if list, many := statement["Resource"].([]any); many && len(list) > 1 {
				set("denial cut to one", "Resource", list[0])
			}
		} else {
			grant(statement, set)
		}
		conditions(statement, put)
	}
	return changes
}

// extraStatement is a policy with one more statement: one that lets everyone in where the policy says who may,
// and one that allows everything where it belongs to somebody.
func extraStatement(p place, document map[string]any, statements []map[string]any) change {
	more := map[string]any{"Sid": "Extra", "Effect": "Allow", "Action": "*", "Resource": "*"}
	operator := "everything allowed by another statement"
	if statements[0]["Principal"] != nil {
		operator = "everyone let in by another statement"
		more["Principal"] = "*"
	}
	if p.key == "assumeRolePolicy" {
		more["Action"] = "sts:AssumeRole"
		delete(more, "Resource")
	}
	extended := clone(document).(map[string]any)
	list, many := extended["Statement"].([]any)
	if !many {
		list = []any{extended["Statement"]}
	}
	extended["Statement"] = append(list, more)
	return change{operator: operator, before: "", after: encode(more), edit: p.put(encode(extended))}
}

// grant widens a statement that allows.
func grant(statement map[string]any, set func(operator, key string, after any)) {
	if principal, has := statement["Principal"]; has && principal != "*" {
		set("principal widened", "Principal", "*")
		if object, ok := principal.(map[string]any); ok {
			more := clone(object).(map[string]any)
			switch aws := more["AWS"].(type) {
			case []any:
				more["AWS"] = append(aws, foreign)
			case nil:
				more["AWS"] = foreign
			default:
				more["AWS"] = []any{aws, foreign}
			}
			set("foreign account let in", "Principal", more)
		}
		if statement["Condition"] != nil {
			set("opened to everyone", "", nil)
		}
	}
	if action := first(statement["Action"]); action != "" && action != "*" {
		set("action widened to all", "Action", "*")
		service, _, _ := strings.Cut(action, ":")
		if every := service + ":*"; statement["Action"] != every {
			set("action widened to the service", "Action", every)
		}
	}
	if resource, has := statement["Resource"]; has && resource != "*" {
		set("resource widened", "Resource", "*")
	}
	for _, key := range []string{"NotAction", "NotResource"} {
		if _, has := statement[key]; has {
			set("exception lifted", key, "none:None")
		}
	}
}

// conditions removes each condition of a statement, and changes what it compares with.
func conditions(statement map[string]any, put func(operator, below, before, shown string, edit func(map[string]any))) {
	all, _ := statement["Condition"].(map[string]any)
	for _, operator := range slices.Sorted(maps.Keys(all)) {
		keys, _ := all[operator].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			below, before := ".Condition."+operator+"."+key, show(keys[key])
			drop := func(s map[string]any) map[string]any {
				all := s["Condition"].(map[string]any)
				of := all[operator].(map[string]any)
				delete(of, key)
				if len(of) == 0 {
					delete(all, operator)
				}
				if len(all) == 0 {
					delete(s, "Condition")
				}
				return all
			}
			put("condition removed", below, before, "", func(s map[string]any) { drop(s) })
			if statement["Effect"] == "Deny" {
				never := contrary(operator, keys[key])
				put("condition changed", below, before, show(never), func(s map[string]any) {
					s["Condition"].(map[string]any)[operator].(map[string]any)[key] = never
				})
				continue
			}
			put("condition widened", below, before, "*", func(s map[string]any) {
				drop(s)
				all, _ := s["Condition"].(map[string]any)
				if all == nil {
					all = map[string]any{}
					s["Condition"] = all
				}
				like, _ := all["StringLike"].(map[string]any)
				if like == nil {
					like = map[string]any{}
					all["StringLike"] = like
				}
				like[key] = "*"
			})
		}
	}
}

// contrary is a value with which a denial denies nothing that matters.
func contrary(operator string, value any) any {
	switch {
	case strings.HasPrefix(operator, "Numeric"), strings.HasPrefix(operator, "Date"):
		return "0"
	case value == "true":
		return "false"
	case value == "false":
		return "true"
	case strings.Contains(operator, "Not"):
		return "*"
	}
	return "nobody"
}

func first(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return text(list[0])
	}
	return text(v)
}

func statementsOf(document map[string]any) []map[string]any {
	list, _ := document["Statement"].([]any)
	if one, ok := document["Statement"].(map[string]any); ok {
		list = []any{one}
	}
	var statements []map[string]any
	for _, element := range list {
		if statement, ok := element.(map[string]any); ok {
			statements = append(statements, statement)
		}
	}
	return statements
}

// patterns changes what events are listened for, and other documents that are not policies.
func patterns(_ *study, p place) []change {
	value, ok := p.value.(string)
	if !ok {
		return nil
	}
	document := decode(value)
	if document == nil || statementsOf(document) != nil {
		return nil
	}
	if p.key != "eventPattern" {
		return []change{{operator: changed, after: "{}"}}
	}
	changes := []change{{operator: "never matches", after: `{"source":["nobody"]}`}}
	var lists func(v any, steps []any, path string)
	lists = func(v any, steps []any, path string) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				lists(v[key], append(slices.Clone(steps), key), path+"."+key)
			}
		case []any:
			if len(v) > 1 {
				for i, element := range v {
					after := encode(replaced(clone(document), append(slices.Clone(steps), i), gone{}))
					changes = append(changes, change{operator: "element removed", before: element, after: "", path: fmt.Sprintf("%s[%s]", path, show(element)), edit: p.put(after)})
				}
			}
			for i, element := range v {
				if _, object := element.(map[string]any); object {
					lists(element, append(slices.Clone(steps), i), fmt.Sprintf("%s[%d]", path, i))
				}
			}
		}
	}
	lists(document, nil, "")
	return changes
}
