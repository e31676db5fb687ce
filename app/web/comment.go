package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/pages"
)

func addComment(c *call) error {
	id, err := c.work.AddComment(c.ctx(), c.who(), c.key(), c.form.Get("body"))
	return c.onTask(err, "#comment-"+id.String())
}

func (c *call) editComment(form pages.Form, body *string) (pages.Page, error) {
	id, err := c.id("id")
	if err != nil {
		return nil, err
	}
	now, err := c.work.Comment(c.ctx(), c.who(), id)
	if err != nil {
		return nil, err
	}
	choices, err := c.work.Choices(c.ctx(), c.who(), now.Project)
	if err != nil {
		return nil, err
	}
	chrome, err := c.chrome()
	page := pages.CommentEdit{Chrome: chrome, Form: form, ID: id.String(), Project: navOf(choices.Project, choices.MayManage), Key: now.Key, Title: now.Title,
		Body: now.Body, Mentionable: peopleOf(choices.People)}
	if body != nil {
		page.Body = *body
	}
	return page, err
}

func editCommentPage(c *call) error {
	page, err := c.editComment(pages.Form{}, nil)
	if err != nil {
		return err
	}
	return c.page(page)
}

func saveComment(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	body := c.form.Get("body")
	key, err := c.work.EditComment(c.ctx(), c.who(), id, body)
	if err != nil {
		return c.again(err, func(form pages.Form) (pages.Page, error) { return c.editComment(form, &body) })
	}
	return c.to(taskPath(key) + "#comment-" + id.String())
}

func deleteComment(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	key, err := c.work.DeleteComment(c.ctx(), c.who(), id)
	if err != nil {
		return err
	}
	return c.to(taskPath(key) + "#comments")
}

// maxToken is how long a part of an upload that is no file may be.
const maxToken = 1 << 10

// attach takes a file in. It is read as it comes: the token stands first in the form, and nothing is kept before it is right.
func attach(c *call) error {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return fault.BadInput("", "it is no form with a file", "send it from the page")
	}
	stop := c.hurry(c.options.UploadTime)
	defer stop()
	c.form = url.Values{}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, c.work.MaxUpload()+maxForm)
	reader := multipart.NewReader(c.r.Body, params["boundary"])
	for range 10 { // parts
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return broken(err)
		}
		switch part.FormName() {
		case tokenField:
			token, err := io.ReadAll(io.LimitReader(part, maxToken))
			if err != nil {
				return broken(err)
			}
			c.form.Set(tokenField, string(token))
		case "file":
			if !c.rightToken(c.form.Get(tokenField)) {
				return errStale("its token is missing or wrong")
			}
			return c.onTask(c.takeFile(part), "#attachments")
		}
	}
	if !c.rightToken(c.form.Get(tokenField)) {
		return errStale("its token is missing or wrong")
	}
	return c.onTask(fault.BadInput("file", "there is no file", "choose one"), "")
}

func broken(err error) error {
	if tooMuch, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Oversize("file", "the file is too large", "send a smaller one").Because(tooMuch)
	}
	return fault.BadInput("", "the upload broke off", "send it again").Because(err)
}

func (c *call) takeFile(part *multipart.Part) error {
	room, err := c.work.CanAttach(c.ctx(), c.who(), c.key())
	if err != nil {
		return err
	}
	if part.FileName() == "" {
		return fault.BadInput("file", "there is no file", "choose one")
	}
	upload, err := files.Receive(c.ctx(), part, room, c.options.Temporary)
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			return broken(err)
		}
		return err
	}
	defer func() { _ = upload.Close() }() // it has no name: nothing stays
	_, err = c.work.Attach(c.ctx(), c.who(), c.key(), part.FileName(), part.Header.Get("Content-Type"), upload)
	return err
}

// download gives a file to be saved, and never to be shown.
func download(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	about, content, err := c.work.OpenAttachment(c.ctx(), c.who(), id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	files.Headers(c.w.Header(), about.Name, about.Type)
	http.ServeContent(c.w, c.r, "", about.At, content)
	return nil
}

func deleteAttachment(c *call) error {
	id, err := c.id("id")
	if err != nil {
		return err
	}
	key, err := c.work.DeleteAttachment(c.ctx(), c.who(), id)
	if err != nil {
		return err
	}
	return c.to(taskPath(key) + "#attachments")
}
