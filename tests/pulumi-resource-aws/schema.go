package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// loadSchema returns the provider's schema cut down to the tabled resources and
// functions. Asking the provider for it takes seconds and tens of megabytes, so
// the cut-down answer is kept in cacheDir under a name that changes with the
// binary and with the table.
func loadSchema(
	ctx context.Context, p *tfProcess, binary, cacheDir string, t tables,
) (*pb.GetProviderSchema_Response, error) {
	st, err := os.Stat(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "2 %s %d %d %s",
		binary, st.Size(), st.ModTime().UnixNano(), tokenTable))
	file := filepath.Join(cacheDir, "schema-"+hex.EncodeToString(sum[:8])+".pb")

	out := &pb.GetProviderSchema_Response{}
	if raw, err := os.ReadFile(file); err == nil && proto.Unmarshal(raw, out) == nil {
		return out, nil
	}
	c, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	full, err := c.GetSchema(ctx, &pb.GetProviderSchema_Request{}, grpc.MaxCallRecvMsgSize(1<<30))
	if err != nil {
		return nil, fmt.Errorf("asking the Terraform provider for its schema: %w", err)
	}
	out = &pb.GetProviderSchema_Response{
		Provider:          full.Provider,
		ResourceSchemas:   map[string]*pb.Schema{},
		DataSourceSchemas: map[string]*pb.Schema{},
	}
	undescribe(out.Provider.GetBlock())
	for tf := range t.resources {
		if err := pick(full.ResourceSchemas, out.ResourceSchemas, tf); err != nil {
			return nil, err
		}
	}
	for tf := range t.functions {
		if err := pick(full.DataSourceSchemas, out.DataSourceSchemas, tf); err != nil {
			return nil, err
		}
	}
	raw, err := proto.Marshal(out)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cacheDir, 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(cacheDir, "schema-*.tmp")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already where all went well
	if _, err = tmp.Write(raw); err != nil {
		return nil, err
	}
	if err = tmp.Close(); err != nil {
		return nil, err
	}
	return out, os.Rename(tmp.Name(), file)
}

func pick(from, to map[string]*pb.Schema, name string) error {
	s, ok := from[name]
	if !ok {
		return fmt.Errorf("the Terraform provider has no %s", name)
	}
	undescribe(s.GetBlock())
	to[name] = s
	return nil
}

// undescribe drops the documentation, which nothing here reads.
func undescribe(b *pb.Schema_Block) {
	b.Description = ""
	for _, a := range b.GetAttributes() {
		a.Description = ""
	}
	for _, n := range b.GetBlockTypes() {
		undescribe(n.GetBlock())
	}
}
