package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// frame is a message as it came.
type frame []byte

// codec leaves messages as they are.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) ([]byte, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("a %T is no frame", v)
	}
	return *f, nil
}

func (codec) Unmarshal(data []byte, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("a %T is no frame", v)
	}
	*f = append(frame{}, data...)
	return nil
}

// send answers with a message that was made here.
func send(stream grpc.ServerStream, m proto.Message) error {
	text, err := proto.Marshal(m)
	if err != nil {
		return status.Errorf(codes.Internal, "shared plugins: write an answer: %v", err)
	}
	out := frame(text)
	return stream.SendMsg(&out)
}

// call begins a call of a process. A plugin gets one message and answers with one or many.
func call(ctx context.Context, p *process, method string, in frame) (grpc.ClientStream, error) {
	if err := p.wait(ctx); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	stream, err := p.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodec(codec{}))
	if err != nil {
		return nil, p.why(err)
	}
	if err := stream.SendMsg(&in); err != nil && !errors.Is(err, io.EOF) { // the answer tells why it was not taken
		return nil, p.why(err)
	}
	return stream, stream.CloseSend()
}

// forward has a process answer a call.
func forward(stream grpc.ServerStream, p *process, method string, in frame) error {
	ctx := stream.Context()
	if carried, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, carried)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, err := call(ctx, p, method, in)
	if err != nil {
		return err
	}
	for {
		var out frame
		switch err := answers.RecvMsg(&out); {
		case errors.Is(err, io.EOF):
			stream.SetTrailer(answers.Trailer())
			return nil
		case err != nil:
			stream.SetTrailer(answers.Trailer())
			return p.why(err)
		}
		if err := stream.SendMsg(&out); err != nil {
			return err
		}
	}
}

// configure gives the process its configuration.
func (p *process) configure(ctx context.Context, in frame) {
	answers, err := call(ctx, p, pulumirpc.ResourceProvider_Configure_FullMethodName, in)
	if err == nil {
		err = answers.RecvMsg(&p.answer)
	}
	if err != nil {
		p.refused = p.why(err)
	}
}
