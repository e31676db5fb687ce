package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// code is the code of a kind of failure.
func code(kind fault.Kind) connect.Code {
	switch kind {
	case fault.Invalid:
		return connect.CodeInvalidArgument
	case fault.Unauthenticated:
		return connect.CodeUnauthenticated
	case fault.Forbidden:
		return connect.CodePermissionDenied
	case fault.NotFound:
		return connect.CodeNotFound
	case fault.Conflict:
		return connect.CodeAborted
	case fault.TooMany, fault.TooLarge:
		return connect.CodeResourceExhausted
	case fault.Unavailable:
		return connect.CodeUnavailable
	}
	return connect.CodeInternal
}

// told is a failure as the caller gets it: the one place where failures become answers. Of what is the service's own business it tells the
// number under which it was noted, and nothing else.
func (h *handler) told(ctx context.Context, err error) *connect.Error {
	kind := fault.KindOf(err)
	if made, ok := errors.AsType[*connect.Error](err); ok && kind == fault.Internal { // of a message that could not be read
		if made.Code() == connect.CodeInternal || made.Code() == connect.CodeUnknown {
			return connect.NewError(connect.CodeInvalidArgument, errors.New("what was sent is no whole stream of messages: send it again"))
		}
		return made
	}
	if over := ctx.Err(); over != nil && (kind == fault.Internal || kind == fault.Unavailable) {
		if errors.Is(over, context.DeadlineExceeded) {
			return connect.NewError(connect.CodeDeadlineExceeded, errors.New("it took too long: ask for less at once, or try again"))
		}
		return connect.NewError(connect.CodeCanceled, errors.New("nobody waits for it any more"))
	}
	failure := &taskflowv1.Failure{RequestId: client.RequestID(ctx)}
	var words []string
	var wait time.Duration
	for _, one := range fault.Problems(err) {
		wait = max(wait, one.RetryAfter)
		text := one.Shown()
		if field := fieldOf(one.Field); field != "" {
			text = field + ": " + text
		}
		words = append(words, text)
		if kind == fault.Invalid || kind == fault.TooLarge {
			failure.Problems = append(failure.Problems, &taskflowv1.Problem{Field: fieldOf(one.Field), Message: one.Msg, Fix: one.Fix})
		}
	}
	switch kind {
	case fault.Internal:
		words = []string{"something went wrong here"}
		if failure.GetRequestId() != "" {
			words[0] += "; it was noted under " + failure.GetRequestId()
		}
		h.report(ctx, "a call failed", err)
	case fault.Unavailable:
		h.report(ctx, "something does not answer", err)
	case fault.Forbidden:
		h.refused(ctx, strings.Join(words, "; "))
	}
	made := connect.NewError(code(kind), errors.New(strings.Join(words, "; ")))
	if wait > 0 {
		failure.RetryAfter = durationpb.New(wait)
		limits.RetryAfter(made.Meta(), err)
	}
	if detail, err := connect.NewErrorDetail(failure); err == nil {
		made.AddDetail(detail)
	}
	return made
}

func (h *handler) report(ctx context.Context, what string, err error, more ...any) {
	h.client.Log().ErrorContext(ctx, what, append([]any{"error", err, "route", callOf(ctx).method.Procedure, "reference", client.RequestID(ctx)}, more...)...)
}

// refused writes a refusal into the client's log (AC-5).
func (h *handler) refused(ctx context.Context, why string) {
	c := callOf(ctx)
	if !c.known() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	e := trail.Entry(c.visit.Actor, h.client.Now(), "call.refused")
	e.Target, e.Outcome = "call "+c.method.Procedure, audit.Refused
	e.Detail["reason"] = why
	if err := h.client.Audit.Record(ctx, e); err != nil {
		h.report(ctx, "a refusal could not be logged", err)
	}
}

// WrapUnary is connect.Interceptor's.
func (h *handler) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, asked connect.AnyRequest) (answer connect.AnyResponse, err error) {
		defer func() {
			if caught := recover(); caught != nil {
				answer, err = nil, h.panicked(ctx, caught)
			}
		}()
		if m, ok := asked.Any().(proto.Message); ok {
			if err := clean(m.ProtoReflect()); err != nil {
				return nil, h.told(ctx, err)
			}
		}
		if answer, err = next(ctx, asked); err != nil {
			return nil, h.told(ctx, err)
		}
		return answer, nil
	}
}

// WrapStreamingHandler is connect.Interceptor's.
func (h *handler) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, stream connect.StreamingHandlerConn) (err error) {
		defer func() {
			if caught := recover(); caught != nil {
				err = h.panicked(ctx, caught)
			}
		}()
		if err := next(ctx, stream); err != nil {
			return h.told(ctx, err)
		}
		return nil
	}
}

// WrapStreamingClient is connect.Interceptor's; there are no clients here.
func (h *handler) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// panicked keeps a mistake in one call from ending others. What was thrown may hold anything, also a secret: its type and the place are
// enough to find it.
func (h *handler) panicked(ctx context.Context, caught any) error {
	if caught == http.ErrAbortHandler { //nolint:errorlint // it is this very value that net/http knows
		panic(caught)
	}
	return h.told(ctx, fmt.Errorf("panic of type %T at %s", caught, debug.Stack()))
}

// renamed are the fields of forms that the messages here call otherwise.
func renamed(field string) string {
	return map[string]string{
		"status": "status_id", "assignee": "assignee_id", "label": "label_ids", "member": "member_ids", "team": "team_ids", "item": "text",
		"other": "other_key", "before": "before_key", "if": "condition", "when": "trigger", "test-task": "task_key", "page": "page_token",
		"query": "filter",
	}[field]
}

var (
	rowField    = regexp.MustCompile(`^(column|label)-(name|limit|hue|id)-([0-9]+)$`)
	actionField = regexp.MustCompile(`^(then|else)-([0-9]+)-(do|value)$`)
)

// fieldOf is a field by the name that it has in the messages.
func fieldOf(field string) string {
	if name := renamed(field); name != "" {
		return name
	}
	if m := rowField.FindStringSubmatch(field); m != nil {
		return fmt.Sprintf("%ss[%s].%s", m[1], m[3], m[2])
	}
	if m := actionField.FindStringSubmatch(field); m != nil {
		branch := m[1]
		if branch == "else" {
			branch = "otherwise"
		}
		return fmt.Sprintf("%s[%s].%s", branch, m[2], m[3])
	}
	return field
}
