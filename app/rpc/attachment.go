package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

// pieceSize is how much of a file goes out in one message.
const pieceSize = 256 << 10

// ListAttachments gives the files of a task.
func (c *calls) ListAttachments(ctx context.Context, q *taskflowv1.ListAttachmentsRequest) (*taskflowv1.ListAttachmentsResponse, error) {
	d, err := c.work.Task(ctx, who(ctx), q.GetTaskKey())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.ListAttachmentsResponse{Attachments: mapped(d.Files, attachmentOf)}, nil
}

func attachmentOf(a work.Attachment) *taskflowv1.Attachment {
	return &taskflowv1.Attachment{Id: a.ID.String(), Name: a.Name, ContentType: a.Type, Size: a.Size, Uploader: personOf(a.Uploader),
		CreatedAt: stamp(a.At), MayDelete: a.MayDo}
}

// UploadAttachment takes a file in, as it comes. Nothing of it is kept before it may be.
func (c *calls) UploadAttachment(ctx context.Context, stream *connect.ClientStream[taskflowv1.UploadAttachmentRequest]) (*taskflowv1.UploadAttachmentResponse, error) {
	if !stream.Receive() {
		if err := stream.Err(); err != nil {
			return nil, fmt.Errorf("begin an upload: %w", err)
		}
		return nil, fault.BadInput("file", "nothing came", "say first what the file is, then send its content")
	}
	about := stream.Msg().GetFile()
	if about == nil {
		return nil, fault.BadInput("file", "the first message does not say what the file is", "say it first, then send its content")
	}
	room, err := c.work.CanAttach(ctx, who(ctx), about.GetTaskKey())
	if err != nil {
		return nil, err
	}
	upload, err := files.Receive(ctx, &pieces{stream: stream}, room, c.temporary)
	if err != nil {
		return nil, err
	}
	defer func() { _ = upload.Close() }() // it has no name: nothing stays
	id, err := c.work.Attach(ctx, who(ctx), about.GetTaskKey(), about.GetName(), about.GetContentType(), upload)
	if err != nil {
		return nil, err
	}
	return &taskflowv1.UploadAttachmentResponse{Id: id.String()}, nil
}

// pieces reads the content of an upload.
type pieces struct {
	stream *connect.ClientStream[taskflowv1.UploadAttachmentRequest]
	rest   []byte
}

// Read is io.Reader's.
func (p *pieces) Read(to []byte) (int, error) {
	for len(p.rest) == 0 {
		if !p.stream.Receive() {
			if err := p.stream.Err(); err != nil {
				return 0, fmt.Errorf("receive a piece: %w", err)
			}
			return 0, io.EOF
		}
		if p.stream.Msg().GetFile() != nil {
			return 0, fault.BadInput("file", "it was said twice what the file is", "send one file at a time")
		}
		p.rest = p.stream.Msg().GetChunk()
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// DownloadAttachment gives a file, piece by piece.
func (c *calls) DownloadAttachment(ctx context.Context, q *taskflowv1.DownloadAttachmentRequest, stream *connect.ServerStream[taskflowv1.DownloadAttachmentResponse]) error {
	id, err := named("file", q.GetId())
	if err != nil {
		return err
	}
	about, content, err := c.work.OpenAttachment(ctx, who(ctx), id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	send := func(m *taskflowv1.DownloadAttachmentResponse) error {
		if err := stream.Send(m); err != nil {
			return fmt.Errorf("send a piece: %w", err)
		}
		return nil
	}
	if err := send(&taskflowv1.DownloadAttachmentResponse{Part: &taskflowv1.DownloadAttachmentResponse_File{File: attachmentOf(about)}}); err != nil {
		return err
	}
	piece := make([]byte, min(about.Size, pieceSize)+1)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(content, piece)
		if n > 0 {
			if err := send(&taskflowv1.DownloadAttachmentResponse{Part: &taskflowv1.DownloadAttachmentResponse_Chunk{Chunk: piece[:n]}}); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		default:
			return fmt.Errorf("read attachment %s: %w", id, err)
		}
	}
}

// DeleteAttachment deletes a file.
func (c *calls) DeleteAttachment(ctx context.Context, q *taskflowv1.DeleteAttachmentRequest) (*taskflowv1.DeleteAttachmentResponse, error) {
	id, err := named("file", q.GetId())
	if err != nil {
		return nil, err
	}
	key, err := c.work.DeleteAttachment(ctx, who(ctx), id)
	return &taskflowv1.DeleteAttachmentResponse{TaskKey: key}, err
}
