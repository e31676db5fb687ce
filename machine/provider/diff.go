package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// differ collects what differs between a resource's inputs before and now, each at its own path: a preview then names the very file,
// package, unit or setting.
type differ struct {
	found map[string]*pulumirpc.PropertyDiff
}

func (d *differ) add(path string, kind pulumirpc.PropertyDiff_Kind) {
	d.found[path] = &pulumirpc.PropertyDiff{Kind: kind, InputDiff: true}
}

// objects compares property by property, down to what is no object.
func (d *differ) objects(path string, olds, news resource.PropertyMap) {
	for _, name := range sorted(olds) {
		if _, there := news[name]; !there && !olds[name].IsNull() {
			d.add(at(path, string(name)), pulumirpc.PropertyDiff_DELETE)
		}
	}
	for _, name := range sorted(news) {
		here := at(path, string(name))
		was, there := olds[name]
		if !there {
			if !news[name].IsNull() {
				d.add(here, pulumirpc.PropertyDiff_ADD)
			}
			continue
		}
		a, aKnown, _ := bare(was)
		b, bKnown, _ := bare(news[name])
		switch {
		case aKnown && bKnown && a.IsObject() && b.IsObject():
			d.objects(here, a.ObjectValue(), b.ObjectValue())
		case !same(was, news[name]):
			d.add(here, pulumirpc.PropertyDiff_UPDATE)
		}
	}
}

// sets compares lists whose order means nothing, so that one package more is one line and not all that follow it in the alphabet.
func (d *differ) sets(path string, olds, news resource.PropertyValue) {
	a, aKnown, _ := bare(olds)
	b, bKnown, _ := bare(news)
	if !aKnown || !bKnown || !a.IsArray() || !b.IsArray() {
		if !same(olds, news) {
			d.add(path, pulumirpc.PropertyDiff_UPDATE)
		}
		return
	}
	lacks := func(list []resource.PropertyValue, v resource.PropertyValue) bool {
		return !slices.ContainsFunc(list, func(w resource.PropertyValue) bool { return same(v, w) })
	}
	for i, v := range a.ArrayValue() {
		if lacks(b.ArrayValue(), v) {
			d.add(fmt.Sprintf("%s[%d]", path, i), pulumirpc.PropertyDiff_DELETE)
		}
	}
	for i, v := range b.ArrayValue() {
		if lacks(a.ArrayValue(), v) {
			here := fmt.Sprintf("%s[%d]", path, i)
			if d.found[here] != nil {
				d.add(here, pulumirpc.PropertyDiff_UPDATE)
				continue
			}
			d.add(here, pulumirpc.PropertyDiff_ADD)
		}
	}
}

// response is what the engine is told.
func (d *differ) response() *pulumirpc.DiffResponse {
	r := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, DetailedDiff: d.found, HasDetailedDiff: true}
	for path, diff := range d.found {
		r.Changes = pulumirpc.DiffResponse_DIFF_SOME
		top := path
		if i := strings.IndexAny(path, ".["); i > 0 {
			top = path[:i]
		}
		if !slices.Contains(r.Diffs, top) {
			r.Diffs = append(r.Diffs, top)
		}
		switch diff.Kind {
		case pulumirpc.PropertyDiff_ADD_REPLACE, pulumirpc.PropertyDiff_DELETE_REPLACE, pulumirpc.PropertyDiff_UPDATE_REPLACE:
			if !slices.Contains(r.Replaces, top) {
				r.Replaces = append(r.Replaces, top)
			}
		}
	}
	slices.Sort(r.Diffs)
	slices.Sort(r.Replaces)
	return r
}

// compareKeys tells what an update of Keys would do. Nothing replaces them: they are the machine's, whatever it is reached by, and a
// machine that took its place makes its own by an update.
func compareKeys(olds, news resource.PropertyMap) *differ {
	d := &differ{found: map[string]*pulumirpc.PropertyDiff{}}
	d.objects("", olds, news)
	return d
}

// compareBundle tells what an update of a Bundle would do. State is what was known of the machine at the end of the last run or refresh.
func compareBundle(state, olds, news resource.PropertyMap) *differ {
	d := &differ{found: map[string]*pulumirpc.PropertyDiff{}}
	was, now := olds.Copy(), news.Copy()
	d.sets("packages", was["packages"], now["packages"])
	delete(was, "packages")
	delete(now, "packages")
	d.objects("", was, now)
	if d.found["name"] != nil {
		d.add("name", pulumirpc.PropertyDiff_UPDATE_REPLACE)
	}
	// A machine that took the other's place has nothing of the bundle's, and the other is gone: the bundle is put there by an update,
	// which removes it from nowhere, and which protection does not stand in the way of.
	if d.found["connection.address"] != nil && otherMachine(state, news) && !replaced(olds, news) {
		d.add("connection.address", pulumirpc.PropertyDiff_UPDATE_REPLACE)
	}
	pending, _, _ := bare(state["pending"])
	if pending.IsObject() {
		for _, name := range sorted(pending.ObjectValue()) {
			d.found[at("pending", string(name))] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_DELETE}
		}
	}
	// Another version was put there by somebody else, of which only steps differ, whose scripts are not read back.
	if len(d.found) == 0 {
		in, found := readBundle(news)
		if version, known, _ := bare(state["version"]); in.described && len(found.list) == 0 && known && version.IsString() &&
			version.StringValue() != in.bundle.Version() {
			d.found["version"] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_UPDATE}
		}
	}
	return d
}

// otherMachine tells whether the program names another machine than the one that the state knows: its host key is another. A changed
// address alone is the same machine at another address, which its host key then shows.
func otherMachine(state, news resource.PropertyMap) bool {
	var ignored problems
	known, _ := ignored.text("hostKey", state["hostKey"])
	connection, _ := ignored.object("connection", news["connection"])
	pinned, isKnown := ignored.text("connection.hostKey", connection["hostKey"])
	return isKnown && pinned != "" && known != "" && !sameHostKey(known, pinned)
}

// replaced tells whether the program's machine took the place of the one that the resource was last made on. One that is not known yet is
// going to be made, and so is another.
func replaced(olds, news resource.PropertyMap) bool {
	instance := func(props resource.PropertyMap) (string, bool) {
		var ignored problems
		connection, known := ignored.object("connection", props["connection"])
		if !known {
			return "", false
		}
		return ignored.text("connection.instance", connection["instance"])
	}
	was, _ := instance(olds)
	is, known := instance(news)
	return was != "" && (!known || is != "" && is != was)
}
