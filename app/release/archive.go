package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// maxProgram bounds what is unpacked.
const maxProgram = 512 << 20

// pack writes the archive that machines unpack: the program alone, with nothing in it of who packed it, where and when.
func pack(w io.Writer, program []byte, at time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("pack the program: %w", err)
	}
	t := tar.NewWriter(z)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: Program, Size: int64(len(program)), Mode: 0o755, ModTime: at, Format: tar.FormatUSTAR}
	err = t.WriteHeader(header)
	if err == nil {
		_, err = t.Write(program)
	}
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return fmt.Errorf("pack the program: %w", err)
	}
	return nil
}

// unpack gives the program of an archive that holds it and nothing else.
func unpack(archive []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	t := tar.NewReader(z)
	header, err := t.Next()
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if header.Name != Program || header.Typeflag != tar.TypeReg || header.Mode != 0o755 || header.Uid != 0 || header.Gid != 0 || header.Size > maxProgram {
		return nil, fmt.Errorf("it holds %q with mode %o of user %d, and not the program alone", header.Name, header.Mode, header.Uid)
	}
	program, err := io.ReadAll(t)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if more, err := t.Next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("it holds %q too", more.Name)
		}
		return nil, err
	}
	return program, nil
}

// inspect tells what a program was built from, and refuses one that is not what releases are: static, for Linux, built from this module
// without anything of the machine.
func inspect(program []byte, arch string) (*debug.BuildInfo, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("read what the program was built from: %w", err)
	}
	var problems []error
	if !strings.HasSuffix(info.Path, "/app/cmd/"+Program) {
		problems = append(problems, fmt.Errorf("it is the program %q", info.Path))
	}
	want := []string{"-buildmode=exe", "-compiler=gc", "-trimpath=true", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
	want = append(want, map[string]string{"amd64": "GOAMD64=v1", "arm64": "GOARM64=v8.0"}[arch])
	for _, s := range info.Settings {
		setting := s.Key + "=" + s.Value
		if i := slices.Index(want, setting); i >= 0 {
			want = slices.Delete(want, i, i+1)
		} else if s.Key != "DefaultGODEBUG" { // of go.mod
			problems = append(problems, fmt.Errorf("it was built with %s", setting))
		}
	}
	for _, missing := range want {
		problems = append(problems, fmt.Errorf("it was not built with %s", missing))
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil && dep.Replace.Version == "" {
			problems = append(problems, fmt.Errorf("it was built with a copy of %s on the machine", dep.Path))
		}
	}
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, errors.Join(append(problems, fmt.Errorf("it is no program for Linux: %w", err))...)
	}
	if machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; file.Machine != machine {
		problems = append(problems, fmt.Errorf("it is for %s", file.Machine))
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			problems = append(problems, errors.New("it is not static"))
			break
		}
	}
	return info, errors.Join(problems...)
}
