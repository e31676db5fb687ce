package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Spans sends traces by OTLP over HTTP. headers are name=value, one a line.
func Spans(ctx context.Context, endpoint, headers string) (sdktrace.SpanExporter, error) {
	o := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/") + "/v1/traces"), otlptracehttp.WithTimeout(10 * time.Second)}
	set := map[string]string{}
	for line := range strings.Lines(headers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			return nil, errors.New("the headers for traces: a line is not name=value") // the line itself is a secret
		}
		set[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if len(set) > 0 {
		o = append(o, otlptracehttp.WithHeaders(set))
	}
	e, err := otlptracehttp.New(ctx, o...)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	return e, nil
}

// quiet logs what the SDK would write to the process's stderr.
type quiet struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans is sdktrace.SpanExporter's.
func (q quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.log.WarnContext(ctx, "traces cannot be sent", "spans", len(spans), "error", err)
	}
	return nil
}

type tracer struct {
	provider *sdktrace.TracerProvider
	trace.Tracer
}

func newTracer(spans sdktrace.SpanExporter, sample float64, version string, log *slog.Logger) *tracer {
	if spans == nil {
		return &tracer{Tracer: noop.NewTracerProvider().Tracer("")}
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(quiet{spans, log}),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(sample)), // never by what a visitor sends along
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "taskflow"), attribute.String("service.version", version))),
	)
	return &tracer{provider: provider, Tracer: provider.Tracer("github.com/berth-iac/berth/app/server")}
}

func (t *tracer) begin(ctx context.Context) (context.Context, trace.Span) {
	return t.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
}

// end names the span by its route: the path may hold a secret.
func (t *tracer) end(span trace.Span, method, route, client string, status int) {
	span.SetName(method + " " + route)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("taskflow.client", client))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

func (t *tracer) close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
