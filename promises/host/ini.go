package host

import (
	"slices"
	"strings"
)

// Sections is a file of sections with keys, as pgBackRest, WireGuard and systemd have it.
type Sections []Section

// Section is one of them. A name may come twice.
type Section struct {
	Name string
	Keys []Key
}

// Key is one line.
type Key struct{ Name, Value string }

// ReadSections reads a file of sections. A line without "=" is a key without a value; what stands before the first section is
// in one without a name.
func ReadSections(text string) Sections {
	var all Sections
	for _, line := range lines(text, "#;") {
		if name, is := strings.CutPrefix(line, "["); is {
			name, _, _ = strings.Cut(name, "]")
			all = append(all, Section{Name: strings.TrimSpace(name)})
			continue
		}
		if len(all) == 0 {
			all = append(all, Section{})
		}
		name, value, _ := strings.Cut(line, "=")
		s := &all[len(all)-1]
		s.Keys = append(s.Keys, Key{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return all
}

// Values are all values of a key in the sections of a name, in order. As in systemd, one that is empty takes back those before.
func (s Sections) Values(section, key string) []string {
	var values []string
	for _, one := range s {
		if one.Name != section {
			continue
		}
		for _, k := range one.Keys {
			switch {
			case k.Name != key:
			case k.Value == "":
				values = nil
			default:
				values = append(values, k.Value)
			}
		}
	}
	return values
}

// Value is the last value of a key in the sections of a name; "" where there is none.
func (s Sections) Value(section, key string) string {
	values := s.Values(section, key)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// Names are the names of the sections, each once, in order.
func (s Sections) Names() []string {
	var names []string
	for _, one := range s {
		if !slices.Contains(names, one.Name) {
			names = append(names, one.Name)
		}
	}
	return names
}

// unitFolders are where systemd takes units from, the first that has one wins.
var unitFolders = []string{"/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"}

// ReadUnit reads a systemd unit as the machine's files have it, with its drop-ins; nil where none of them is about it. An
// instance of a template (a@b.service) is read from the template.
func ReadUnit(files Files, unit string) Sections {
	var all Sections
	template := unit
	if at := strings.IndexByte(unit, '@'); at >= 0 {
		template = unit[:at+1] + unit[strings.LastIndexByte(unit, '.'):]
	}
	for _, name := range slices.Compact([]string{unit, template}) {
		for _, folder := range unitFolders {
			if f, is := files[folder+name]; is && all == nil {
				all = ReadSections(f.Content)
			}
		}
	}
	for _, name := range slices.Compact([]string{template, unit}) {
		for _, folder := range unitFolders {
			var drops []string
			for path := range files {
				if inside, is := strings.CutPrefix(path, folder); is && strings.HasPrefix(inside, name) && strings.HasPrefix(inside[len(name):], ".d/") && strings.HasSuffix(path, ".conf") {
					drops = append(drops, path)
				}
			}
			slices.Sort(drops)
			for _, drop := range drops {
				all = append(all, ReadSections(files[drop].Content)...)
			}
		}
	}
	return all
}

// Has tells whether a key stands in the sections of a name, with or without a value.
func (s Sections) Has(section, key string) bool {
	return slices.ContainsFunc(s, func(one Section) bool {
		return one.Name == section && slices.ContainsFunc(one.Keys, func(k Key) bool { return k.Name == key })
	})
}
