package host

import (
	"embed"
	"strings"
	"text/template"

	"github.com/berth-iac/berth/machine/bundle"
)

//go:embed files/postgres files/promote files/backups files/doors
var clusterFiles embed.FS

// clusterTexts are the templates of all that is around the clusters.
var clusterTexts = template.Must(template.New("").Funcs(template.FuncMap{"line": line}).Option("missingkey=error").
	ParseFS(clusterFiles, "files/postgres/*", "files/promote/*", "files/backups/*.*", "files/backups/*-*", "files/backups/checks/*", "files/doors/*"))

// line puts a text of people onto one line, so that it cannot be taken for another key of a file.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// clusterText is a file as the data make it.
func clusterText(name string, data any) string {
	var b strings.Builder
	if err := clusterTexts.ExecuteTemplate(&b, name, data); err != nil {
		panic(err) // a template and its data belong together: each test renders all of them
	}
	return b.String()
}

func readable(path, text string) bundle.File {
	return bundle.File{Path: path, Content: text, Mode: 0o644}
}

func runnable(path, text string) bundle.File {
	return bundle.File{Path: path, Content: text, Mode: 0o755}
}

// ofPostgres is a file that the database's user owns, as the distribution's tools expect.
func ofPostgres(path, text string) bundle.File {
	return bundle.File{Path: path, Content: text, Mode: 0o640, Owner: "postgres:postgres"}
}

// timed is a service with its timer.
func timed(name string, data any) ([]bundle.File, bundle.Unit) {
	return []bundle.File{
		readable("/etc/systemd/system/"+name+".service", clusterText(name+".service", data)),
		readable("/etc/systemd/system/"+name+".timer", clusterText(name+".timer", data)),
	}, bundle.Unit{Name: name + ".timer", State: bundle.Running}
}
