package rpc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"connectrpc.com/connect"

	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// maxReason is how long a reason may be: it is kept for as long as the audit log is.
const maxReason = 500

// Export gives the client's data, piece by piece as it is read (DP-7). Who may have it, exchange decides and logs; now and then it is asked
// again whether the token is still good for it.
func (c *calls) Export(ctx context.Context, q *taskflowv1.ExportRequest, stream *connect.ServerStream[taskflowv1.ExportResponse]) error {
	if err := clean(q.ProtoReflect()); err != nil {
		return err
	}
	if utf8.RuneCountInString(q.GetReason()) > maxReason {
		return fault.BadInput("reason", "it is longer than "+strconv.Itoa(maxReason)+" characters", "say less")
	}
	x, err := c.client.Exchange()
	if err != nil {
		return err
	}
	order := exchange.Order{Format: exchange.Format(q.GetFormat()), Table: q.GetTable(), Project: q.GetProjectKey(), Attachments: !q.GetWithoutAttachments(),
		Reason: q.GetReason(), Still: callOf(ctx).still}
	out := bufio.NewWriterSize(outgoing{stream}, pieceSize)
	if _, err := x.Export(ctx, who(ctx), order, func(f exchange.File) (io.Writer, error) {
		file := &taskflowv1.ExportFile{Name: f.Name, Type: f.Type}
		if err := stream.Send(&taskflowv1.ExportResponse{Part: &taskflowv1.ExportResponse_File{File: file}}); err != nil {
			return nil, fmt.Errorf("begin to send an export: %w", err)
		}
		return out, nil
	}); err != nil {
		return called(err, "project", "project_key")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("send the end of an export: %w", err)
	}
	return nil
}

// called says what is wrong with a field by the name that it has in the message.
func called(err error, field, name string) error {
	for _, one := range fault.Problems(err) {
		if one.Field == field {
			one.Field = name
		}
	}
	return err
}

// outgoing sends what is written to it.
type outgoing struct {
	stream *connect.ServerStream[taskflowv1.ExportResponse]
}

// Write is io.Writer's.
func (o outgoing) Write(p []byte) (int, error) {
	done := 0
	for piece := range slices.Chunk(p, pieceSize) {
		if err := o.stream.Send(&taskflowv1.ExportResponse{Part: &taskflowv1.ExportResponse_Data{Data: piece}}); err != nil {
			return done, fmt.Errorf("send a piece of an export: %w", err)
		}
		done += len(piece)
	}
	return done, nil
}
