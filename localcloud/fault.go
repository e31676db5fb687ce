package localcloud

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that is to go wrong. ParseFault reads it from text:
//
//	OPERATION:TYPE[#NAME]:ACTION[=VALUE][@N]
//
//	OPERATION  create, update, delete, read, invoke, or * for each of them
//	TYPE       a type or function such as aws:rds/instance:Instance; * stands for any letters: aws:rds/*
//	NAME       the program's name of the resource; * stands for any letters
//	ACTION     fail          the cloud refuses, and nothing happens
//	           fail-first    the first attempt on each resource fails, later ones work
//	           throttle=T    the cloud says "too many requests" T times; the provider tries again by itself, which
//	                         takes time; after 25 times it gives up
//	           delay=D       it takes D longer, such as 2s
//	           half-made     it happens, but the object does not come up: the engine gets an error and the partial
//	                         state (create and update)
//	           lost          it happens, but the answer never arrives
//	           hang          nothing happens until the engine gives up
//	           crash         the process dies before it happens (needs Options.Crash)
//	           crash-after   the process dies after it happened, before the answer (needs Options.Crash)
//	N          only the Nth call that fits, counted from 1
//
// "create:aws:rds/instance:Instance:fail@2" lets the second database fail.
type Fault struct {
	Operation string
	Type      string
	Name      string // empty: any
	Action    string
	Times     int           // of throttle
	Delay     time.Duration // of delay
	Nth       int           // 0: every one
}

const faultGrammar = "OPERATION:TYPE[#NAME]:ACTION[=VALUE][@N], such as create:aws:rds/instance:Instance:fail@1"

var (
	faultOperations = []string{"create", "update", "delete", "read", "invoke", "*"}
	faultActions    = []string{"fail", "fail-first", "throttle", "delay", "half-made", "lost", "hang", "crash", "crash-after"}
)

// ParseFault reads a fault. Its grammar is at Fault.
func ParseFault(text string) (Fault, error) {
	f, err := parseFault(text)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w; the form is %s", text, err, faultGrammar)
	}
	return f, nil
}

func parseFault(text string) (Fault, error) {
	operation, rest, ok := strings.Cut(text, ":")
	end := strings.LastIndex(rest, ":")
	if !ok || end < 0 {
		return Fault{}, fmt.Errorf("it has fewer than three parts")
	}
	f := Fault{Operation: operation}
	f.Type, f.Name, _ = strings.Cut(rest[:end], "#")
	action, nth, counted := strings.Cut(rest[end+1:], "@")
	if counted {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return Fault{}, fmt.Errorf("%q counts nothing: use 1 and up", "@"+nth)
		}
		f.Nth = n
	}
	f.Action, action, ok = strings.Cut(action, "=")
	if err := f.value(action, ok); err != nil {
		return Fault{}, err
	}
	return f, f.check()
}

func (f *Fault) value(text string, given bool) error {
	var err error
	switch f.Action {
	case "throttle":
		if f.Times, err = strconv.Atoi(text); err != nil || f.Times < 1 {
			return fmt.Errorf("throttle=%s: give a number of times from 1", text)
		}
	case "delay":
		if f.Delay, err = time.ParseDuration(text); err != nil || f.Delay <= 0 {
			return fmt.Errorf("delay=%s: give a time such as 500ms or 2s", text)
		}
	default:
		if given {
			return fmt.Errorf("the action %q takes no value", f.Action)
		}
	}
	return nil
}

func (f *Fault) check() error {
	if !slices.Contains(faultOperations, f.Operation) {
		return fmt.Errorf("there is no operation %q%s", f.Operation, suggestion(f.Operation, faultOperations))
	}
	if !slices.Contains(faultActions, f.Action) {
		return fmt.Errorf("there is no action %q%s", f.Action, suggestion(f.Action, faultActions))
	}
	if f.Type == "" {
		return fmt.Errorf("no type is given; * is any")
	}
	if f.Action == "half-made" && f.Operation != "create" && f.Operation != "update" {
		return fmt.Errorf("only create and update can leave something half-made")
	}
	return nil
}

// String is the text that ParseFault reads.
func (f Fault) String() string {
	text := f.Operation + ":" + f.Type
	if f.Name != "" {
		text += "#" + f.Name
	}
	text += ":" + f.Action
	switch f.Action {
	case "throttle":
		text += "=" + strconv.Itoa(f.Times)
	case "delay":
		text += "=" + f.Delay.String()
	}
	if f.Nth > 0 {
		text += "@" + strconv.Itoa(f.Nth)
	}
	return text
}

func (f Fault) fits(operation, token, name string) bool {
	return (f.Operation == "*" || f.Operation == operation) && glob(f.Type, token) && (f.Name == "" || glob(f.Name, name))
}

// glob compares with a pattern in which * stands for any letters.
func glob(pattern, s string) bool {
	form := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return matchesAll("(?s)"+form, s)
}
