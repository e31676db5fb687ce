package spec

import (
	"fmt"
	"time"
)

// waivers judges recorded deviations. Which promises, controls and resources exist is not known here.
func (r *report) waivers(all []Waiver, now time.Time) {
	type deviation struct{ promise, resource string }
	seen := map[deviation]string{}
	for i, w := range all {
		path := fmt.Sprintf("waivers[%d]", i)
		what := "the deviation"
		if r.sound(path+".promise", path+".resource") {
			what = fmt.Sprintf("the deviation of %s from %s", w.Resource, w.Promise)
			d := deviation{w.Promise, w.Resource}
			if first, found := seen[d]; found {
				r.add(path, shorten(w.Promise+" for "+w.Resource), "one waiver for each promise and resource", "correct or remove it: "+root+"."+first+" is for the same")
			} else {
				seen[d] = path
			}
		}
		r.until(path+".expires", w.Expires, now, longestWaiver, "", "mend "+what+" and remove the waiver, or renew it with a new date and a new reason")
	}
}
