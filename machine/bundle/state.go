package bundle

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// State is what a machine has of one bundle, as `berth-host state` tells it.
type State struct {
	Name    string
	Version string // that was applied, or is being applied; "removed" when a removal was interrupted
	Applied bool   // whether it came to its end
	// Settings that have a value, and the secrets that are there; one of the bundle's that is missing is in neither.
	Settings map[string]string
	Secrets  []string
	// Packages and their installed versions; "" is not installed.
	Packages map[string]string
	// Files by path; a file of the bundle that is not there is in Missing.
	Files   map[string]File
	Missing []string
	// Units and what each is.
	Units map[string]UnitState
	// Steps and what each would change: "" is nothing.
	Steps map[string]string
}

// What a unit may be beside the states that are asked for.
const (
	Failed  UnitState = "failed"  // is to run and has failed
	Started UnitState = "started" // runs, and the next boot would not start it
	Absent  UnitState = "missing" // there is no such unit
	Static  UnitState = "static"  // does not run, and is of those that nobody can enable: as good as enabled, or disabled
)

// ParseState reads what `berth-host state` prints: for each bundle on the machine
//
//	bundle <name> <version> <applied|applying>
//	setting <name> <base64 of its value>, or: setting <name> missing
//	secret <name> <present|missing>
//	package <name> <installed version|missing>
//	file <mode> <owner> <base64 of the path> <base64 of the content>, or: file missing <base64 of the path>
//	unit <name> <running|enabled|disabled|masked|failed|started|static|missing>
//	step <name> <base64 of what it would change; nothing: nothing>
//	end <name>
//
// in this order, with one space between words. An output that was cut off is an error; a first word that is not known is skipped, so
// that an older reader understands a newer applier.
func ParseState(r io.Reader) ([]State, error) {
	var all []State
	var s *State
	in := bufio.NewScanner(r)
	in.Buffer(nil, 4*maxFile)
	for in.Scan() {
		f := strings.Split(in.Text(), " ")
		if f[0] == "bundle" && len(f) == 4 && s == nil {
			s = &State{
				Name: f[1], Version: f[2], Applied: f[3] == "applied",
				Settings: map[string]string{}, Packages: map[string]string{}, Files: map[string]File{}, Units: map[string]UnitState{}, Steps: map[string]string{},
			}
			continue
		}
		if s == nil {
			return nil, fmt.Errorf("read the state of a machine: %q stands outside of a bundle; is that berth-host's output?", clip(in.Text()))
		}
		if f[0] == "end" {
			all, s = append(all, *s), nil
			continue
		}
		if err := s.take(f); err != nil {
			return nil, fmt.Errorf("read the state of a machine, bundle %s: %q: %w", s.Name, clip(in.Text()), err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the state of a machine: %w", err)
	}
	if s != nil {
		return nil, fmt.Errorf("read the state of a machine: it breaks off in bundle %s: ask again", s.Name)
	}
	return all, nil
}

func clip(s string) string { return s[:min(len(s), 200)] }

var errShape = errors.New("that is not how such a line looks")

func (s *State) take(f []string) error {
	word := func(i int) (string, error) {
		if i >= len(f) {
			return "", errShape
		}
		text, err := base64.StdEncoding.DecodeString(f[i])
		return string(text), err
	}
	switch {
	case f[0] == "setting" && len(f) == 3:
		if f[2] == "missing" {
			return nil
		}
		text, err := word(2)
		s.Settings[f[1]] = text
		return err
	case f[0] == "secret" && len(f) == 3:
		if f[2] == "present" {
			s.Secrets = append(s.Secrets, f[1])
		}
	case f[0] == "package" && len(f) == 3:
		s.Packages[f[1]] = strings.TrimPrefix(f[2], "missing")
	case f[0] == "file" && len(f) == 3 && f[1] == "missing":
		path, err := word(2)
		s.Missing = append(s.Missing, path)
		return err
	case f[0] == "file" && len(f) == 5:
		mode, err := strconv.ParseUint(f[1], 8, 16)
		if err != nil {
			return err
		}
		path, err := word(3)
		if err != nil {
			return err
		}
		content, err := word(4)
		s.Files[path] = File{Path: path, Content: content, Mode: uint32(mode), Owner: f[2]}
		return err
	case f[0] == "unit" && len(f) == 3:
		s.Units[f[1]] = UnitState(f[2])
	case f[0] == "step" && len(f) == 3:
		text, err := word(2)
		s.Steps[f[1]] = text
		return err
	case f[0] == "setting", f[0] == "secret", f[0] == "package", f[0] == "file", f[0] == "unit", f[0] == "step":
		return errShape
	}
	return nil
}
