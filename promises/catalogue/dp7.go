package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// DP7 is that a client gets its data out. It comes with the service.
func (catalogue) DP7() promises.Promise {
	return promises.Promise{
		ID:       "DP-7",
		Title:    "Your data on demand",
		Sentence: "You get all of your data whenever you want, through the dashboard and its export functions, in open formats that other programs read.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "formats", Value: "CSV and JSON"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "an export is made through the dashboard in each format, and every record is found in it again"},
		},
		Keywords: []string{
			"export data", "data export formats", "export csv json", "get our data out", "export function", "bulk export", "export dashboard",
			"data as csv", "download everything entered", "get our data back", "exit strategy", "vendor lock-in", "return of data", "end of contract",
			"gdpr article 20", "termination assistance", "data export", "data portability", "export functions", "csv export", "json export",
			"data extraction", "download our data",
		},
	}
}
