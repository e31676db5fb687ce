package web

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/pages"
)

func data(c *call) error {
	page, err := c.dataPage(pages.Form{})
	if err != nil {
		return err
	}
	return c.page(page)
}

// dataPage shows what can be exported and imported, and what was.
func (c *call) dataPage(form pages.Form) (pages.Page, error) {
	chrome, err := c.chrome()
	if err != nil {
		return nil, err
	}
	page := pages.Data{Chrome: chrome, Form: form, MaxBytes: exchange.MaxBytes, MaxRows: exchange.MaxRows, Narrow: []pages.Option{{Text: "All projects", Selected: true}}}
	for _, one := range exchange.Tables() {
		page.Tables = append(page.Tables, pages.Option{Value: one.Name, Text: tableName(one.Name), Selected: one.Name == "tasks"})
	}
	for _, one := range chrome.Projects {
		o := pages.Option{Value: one.Key, Text: one.Name}
		page.Projects, page.Narrow = append(page.Projects, o), append(page.Narrow, o)
	}
	away, err := c.work.Projects(c.ctx(), c.who(), true)
	if err != nil {
		return nil, err
	}
	for _, one := range away {
		page.Narrow = append(page.Narrow, pages.Option{Value: one.Key, Text: one.Name + " (archived)"})
	}
	entries, _, err := c.client.Audit.Page(c.ctx(), audit.Filter{Action: "data.import", Outcome: audit.OK, Limit: 10})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		about := detailsOf(e)
		run := pages.ImportRun{ID: e.ID.String(), File: about["file"], Project: strings.TrimPrefix(e.Target, "project "), At: e.At, By: pages.Person{Name: whoOf(e)}}
		run.Tasks, _ = strconv.Atoi(about["tasks"]) // 0 where somebody altered it
		if there, _ := strconv.Atoi(about["there"]); there > 0 {
			run.State = strconv.Itoa(there) + " were there"
		}
		page.Imports = append(page.Imports, run)
	}
	return page, nil
}

// tableName is what people call a table.
func tableName(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	words = strings.ReplaceAll(words, "api ", "API ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// exportData streams an export (DP-7). Until its first byte it can fail as any page does; after that the connection is broken off, for
// whoever reads it must not take a part for the whole.
func exportData(c *call) error {
	x, err := c.client.Exchange()
	if err != nil {
		return err
	}
	o := exchange.Order{Format: exchange.Format(c.form.Get("format")), Table: c.form.Get("table"), Project: c.form.Get("project"),
		Attachments: c.form.Get("attachments") == "yes", Still: c.stillMay}
	began := false
	_, err = x.Export(c.ctx(), c.who(), o, func(f exchange.File) (io.Writer, error) {
		began = true
		files.Headers(c.w.Header(), f.Name, f.Type)
		return c.w, nil
	})
	if err != nil && began {
		c.report(c.ctx(), "an export broke off", err)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		return c.again(err, c.dataPage)
	}
	return nil
}

// stillMay looks whether whoever began a long download is still signed in, with the same rights.
func (c *call) stillMay(ctx context.Context) error {
	visit, err := c.accounts.Visit(ctx, c.from)
	if err != nil {
		return err
	}
	if visit.Stage != accounts.Full {
		return errUnfinished{visit.Stage}
	}
	return visit.Actor.Need(actor.Export)
}

// keepImport takes a file in that is to become tasks. It is read as it comes: the token stands first in the form.
func keepImport(c *call) error {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return fault.BadInput("", "it is no form with a file", "send it from the page")
	}
	stop := c.hurry(c.options.UploadTime)
	defer stop()
	c.form = url.Values{}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, exchange.MaxBytes+maxForm)
	reader := multipart.NewReader(c.r.Body, params["boundary"])
	for range 10 { // parts
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return broken(err)
		}
		name := part.FormName()
		if name != tokenField && !c.rightToken(c.form.Get(tokenField)) {
			return errStale("its token is missing or wrong")
		}
		if name == "file" {
			return c.takeImport(part)
		}
		text, err := io.ReadAll(io.LimitReader(part, maxToken))
		if err != nil {
			return broken(err)
		}
		c.form.Set(name, string(text))
	}
	if !c.rightToken(c.form.Get(tokenField)) {
		return errStale("its token is missing or wrong")
	}
	return c.again(fault.BadInput("file", "there is no file", "choose one"), c.dataPage)
}

func (c *call) takeImport(part *multipart.Part) error {
	var problems []error
	if c.form.Get("project") == "" {
		problems = append(problems, fault.BadInput("project", "no project is chosen", "choose one"))
	}
	if part.FileName() == "" {
		problems = append(problems, fault.BadInput("file", "there is no file", "choose one"))
	}
	if err := errors.Join(problems...); err != nil {
		return c.again(err, c.dataPage)
	}
	x, err := c.client.Exchange()
	if err != nil {
		return err
	}
	id, err := x.Keep(c.ctx(), c.who(), c.form.Get("project"), part.FileName(), part)
	if _, cut := errors.AsType[*http.MaxBytesError](err); cut {
		err = broken(err)
	}
	if err != nil {
		return c.again(err, c.dataPage)
	}
	return c.to("/data/import/" + id.String())
}

// importPage shows what a file would become.
func importPage(c *call) error {
	page, err := c.preview(pages.Form{}, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

// The problems and the columns that a page shows; there may be more of both.
const (
	shownProblems = 50
	shownExample  = 80 // letters
)

func (c *call) preview(form pages.Form, targets []exchange.Target) (pages.Page, error) {
	id, err := c.id("id")
	if err != nil {
		return nil, err
	}
	x, err := c.client.Exchange()
	if err != nil {
		return nil, err
	}
	kept, p, err := x.LookAt(c.ctx(), c.who(), id, targets)
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	if err != nil {
		return nil, err
	}
	page := pages.ImportPreview{Chrome: chrome, Form: form, ID: id.String(), File: kept.Name, Project: navOf(p.Project, false), Rows: p.Rows, There: p.There, Labels: p.Labels, Heads: p.Heads}
	for i, row := range p.Sample {
		page.Sample = append(page.Sample, make([]string, len(row)))
		for j, cell := range row {
			page.Sample[i][j] = cut(cell, shownExample)
		}
	}
	for i, head := range p.Heads {
		f := pages.ImportField{Column: head, Targets: targetOptions(p.Targets[i])}
		if head == "" {
			f.Column = "Column " + strconv.Itoa(i+1)
		}
		for _, row := range p.Sample { // the first that says something
			if f.Example = strings.TrimSpace(row[i]); f.Example != "" {
				f.Example = cut(f.Example, shownExample)
				break
			}
		}
		page.Fields = append(page.Fields, f)
	}
	for _, one := range p.Problems[:min(len(p.Problems), shownProblems)] {
		page.Faults = append(page.Faults, pages.LineProblem{Line: one.Line, Column: one.Column, Words: one.Words})
	}
	page.More = p.More + len(p.Problems) - len(page.Faults)
	if p.Ready() {
		page.Ready = p.Tasks
	}
	return page, nil
}

func targetOptions(now exchange.Target) []pages.Option {
	return chosen(string(now), string(exchange.LeftOut), "Left out", string(exchange.Title), "Title", string(exchange.Description), "Description", string(exchange.Status), "Status",
		string(exchange.Priority), "Priority", string(exchange.Assignee), "Assignee", string(exchange.Due), "Due", string(exchange.Labels), "Labels",
		string(exchange.Steps), "Checklist", string(exchange.ID), "ID elsewhere")
}

// runImport imports a file, looks at it again with other targets, or forgets it.
func runImport(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	x, err := c.client.Exchange()
	if err != nil {
		return err
	}
	var targets []exchange.Target
	for i := 0; i < exchange.MaxColumns && c.form.Has("map-"+strconv.Itoa(i)); i++ {
		targets = append(targets, exchange.Target(c.form.Get("map-"+strconv.Itoa(i))))
	}
	for i, t := range targets { // what no page offers is left out
		if t != exchange.LeftOut && !slices.Contains(exchange.Targets(), t) {
			targets[i] = exchange.LeftOut
		}
	}
	switch c.form.Get("do") {
	case "preview":
		if _, _, err := x.LookAt(c.ctx(), c.who(), id, targets); err != nil {
			return err
		}
		return c.to("/data/import/" + id.String())
	case "discard":
		if err := x.Discard(c.ctx(), c.who(), id); err != nil {
			return err
		}
		return c.to("/data")
	case "run":
		made, err := x.ImportKept(c.ctx(), c.who(), id, targets)
		if err != nil {
			return c.notImported(err, targets)
		}
		return c.done("created", projectPath(made.Project.Key)+"/list")
	}
	return fault.BadInput("do", "it is not said what to do", "use a button of the page")
}

// notImported shows a file again that could not be imported. What is wrong with it stands on the page anyway.
func (c *call) notImported(err error, targets []exchange.Target) error {
	if fault.Is(err, fault.Invalid) {
		err = fault.BadInput("", "nothing was imported", "look at what is wrong with the file")
	}
	return c.again(err, func(form pages.Form) (pages.Page, error) { return c.preview(form, targets) })
}
