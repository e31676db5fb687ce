// Package rpc is what programs call: Connect services (https://connectrpc.com) over protobuf or plain HTTP and JSON, as proto/ declares
// them. It finds out who calls by their personal API token, keeps them within limits, turns messages into calls of accounts, work and
// exchange, and what goes wrong into codes. Who may do what is decided below, in those three, so that programs and pages have the same
// rights; the scope that a method declares only keeps out whoever cannot possibly be right.
//
// Cookies are not looked at here, and nothing else that a browser sends by itself: so there is nothing that another site could make a
// browser do (AS-4). Only what is declared is reached (AS-3). A handler knows one client and no way to another (DP-1).
package rpc

//go:generate go -C generate tool buf generate

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/rpc/gen/taskflow/v1/taskflowv1connect"
)

// Prefix is where the handler is mounted: a method is at Prefix + its Procedure.
const Prefix = "/rpc"

// Options are what a handler needs besides the client. All may be zero.
type Options struct {
	// Time is how long a call may take, and Transfer how long an upload or download may: 15 seconds and an hour where they are 0.
	Time, Transfer time.Duration
	// MaxMessage is how large a message may be, in bytes: 1 MiB where it is 0.
	MaxMessage int
	// Temporary is the folder for uploads on their way; "" is the system's.
	Temporary string
}

func (o Options) filled() Options {
	o.Time, o.Transfer = cmp.Or(o.Time, 15*time.Second), cmp.Or(o.Transfer, time.Hour)
	o.MaxMessage = cmp.Or(o.MaxMessage, 1<<20)
	return o
}

// maxDepth is how deep JSON may be nested. What is declared needs four levels.
const maxDepth = 16

// Method is one declared method.
type Method struct {
	Procedure string // such as /taskflow.v1.TaskService/GetTask
	Scope     actor.Scope
	Reads     bool // it changes nothing
	Streams   bool // in one of the two directions, so that it may last
}

// Methods are all declared methods, in the order of their names.
func Methods() ([]Method, error) {
	var all []Method
	var problems []error
	for _, file := range declared() {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m, err := methodOf(methods.Get(j))
				all, problems = append(all, m), append(problems, err)
			}
		}
	}
	return all, errors.Join(problems...)
}

// declared are the files that declare services.
func declared() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		taskflowv1.File_taskflow_v1_account_proto, taskflowv1.File_taskflow_v1_activity_proto, taskflowv1.File_taskflow_v1_attachment_proto,
		taskflowv1.File_taskflow_v1_audit_proto, taskflowv1.File_taskflow_v1_comment_proto, taskflowv1.File_taskflow_v1_export_proto,
		taskflowv1.File_taskflow_v1_filter_proto, taskflowv1.File_taskflow_v1_import_proto,
		taskflowv1.File_taskflow_v1_notification_proto, taskflowv1.File_taskflow_v1_people_proto, taskflowv1.File_taskflow_v1_project_proto,
		taskflowv1.File_taskflow_v1_rule_proto, taskflowv1.File_taskflow_v1_search_proto, taskflowv1.File_taskflow_v1_task_proto,
		taskflowv1.File_taskflow_v1_team_proto,
	}
}

func methodOf(d protoreflect.MethodDescriptor) (Method, error) {
	m := Method{Procedure: "/" + string(d.Parent().FullName()) + "/" + string(d.Name()), Streams: d.IsStreamingClient() || d.IsStreamingServer()}
	options, ok := d.Options().(*descriptorpb.MethodOptions)
	if !ok {
		return m, fmt.Errorf("method %s declares nothing", m.Procedure)
	}
	m.Reads = options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
	name, _ := proto.GetExtension(options, taskflowv1.E_Scope).(string)
	scopes, err := actor.ParseScopes([]string{name})
	if err != nil {
		return m, fmt.Errorf("method %s declares no scope: %w", m.Procedure, err)
	}
	m.Scope = scopes[0]
	return m, nil
}

// served is a method and what answers it. That is made when it is first called: of thousands of clients, few call much.
type served struct {
	Method
	handler func() http.Handler
}

// handler answers all calls of one client.
type handler struct {
	client  *client.Client
	options Options
	errors  *connect.ErrorWriter
	methods map[string]*served // by path
}

// New makes the handler of a client. It is asked for paths below Prefix, which are left as they are.
func New(c *client.Client, o Options) (http.Handler, error) {
	o = o.filled()
	h := &handler{client: c, options: o, errors: connect.NewErrorWriter(), methods: map[string]*served{}}
	services := h.services(&calls{client: c, accounts: c.Accounts, work: c.Work, temporary: o.Temporary})
	all, err := Methods()
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		name, _, _ := strings.Cut(m.Procedure[1:], "/")
		if services[name] == nil {
			return nil, fmt.Errorf("method %s is declared, and nothing answers it", m.Procedure)
		}
		h.methods[Prefix+m.Procedure] = &served{m, services[name]}
	}
	return h, nil
}

// service makes what answers the calls of one service.
func service[T any](c T, options []connect.HandlerOption, build func(T, ...connect.HandlerOption) (string, http.Handler)) func() http.Handler {
	return sync.OnceValue(func() http.Handler {
		_, handler := build(c, options...)
		return handler
	})
}

// services are those that are declared, by their names.
func (h *handler) services(c *calls) map[string]func() http.Handler {
	options := []connect.HandlerOption{
		connect.WithInterceptors(h), connect.WithReadMaxBytes(h.options.MaxMessage),
		connect.WithCodec(binaryCodec{}), connect.WithCodec(jsonCodec{"json"}), connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
		// What comes compressed may be much larger than it looks; what goes is compressed by whoever stands in front.
		connect.WithCompression("gzip", nil, nil),
	}
	return map[string]func() http.Handler{
		taskflowv1connect.AccountServiceName:      service[taskflowv1connect.AccountServiceHandler](c, options, taskflowv1connect.NewAccountServiceHandler),
		taskflowv1connect.ActivityServiceName:     service[taskflowv1connect.ActivityServiceHandler](c, options, taskflowv1connect.NewActivityServiceHandler),
		taskflowv1connect.AttachmentServiceName:   service[taskflowv1connect.AttachmentServiceHandler](c, options, taskflowv1connect.NewAttachmentServiceHandler),
		taskflowv1connect.AuditServiceName:        service[taskflowv1connect.AuditServiceHandler](c, options, taskflowv1connect.NewAuditServiceHandler),
		taskflowv1connect.CommentServiceName:      service[taskflowv1connect.CommentServiceHandler](c, options, taskflowv1connect.NewCommentServiceHandler),
		taskflowv1connect.ExportServiceName:       service[taskflowv1connect.ExportServiceHandler](c, options, taskflowv1connect.NewExportServiceHandler),
		taskflowv1connect.FilterServiceName:       service[taskflowv1connect.FilterServiceHandler](c, options, taskflowv1connect.NewFilterServiceHandler),
		taskflowv1connect.ImportServiceName:       service[taskflowv1connect.ImportServiceHandler](c, options, taskflowv1connect.NewImportServiceHandler),
		taskflowv1connect.NotificationServiceName: service[taskflowv1connect.NotificationServiceHandler](c, options, taskflowv1connect.NewNotificationServiceHandler),
		taskflowv1connect.PeopleServiceName:       service[taskflowv1connect.PeopleServiceHandler](c, options, taskflowv1connect.NewPeopleServiceHandler),
		taskflowv1connect.ProjectServiceName:      service[taskflowv1connect.ProjectServiceHandler](c, options, taskflowv1connect.NewProjectServiceHandler),
		taskflowv1connect.RuleServiceName:         service[taskflowv1connect.RuleServiceHandler](c, options, taskflowv1connect.NewRuleServiceHandler),
		taskflowv1connect.SearchServiceName:       service[taskflowv1connect.SearchServiceHandler](c, options, taskflowv1connect.NewSearchServiceHandler),
		taskflowv1connect.TaskServiceName:         service[taskflowv1connect.TaskServiceHandler](c, options, taskflowv1connect.NewTaskServiceHandler),
		taskflowv1connect.TeamServiceName:         service[taskflowv1connect.TeamServiceHandler](c, options, taskflowv1connect.NewTeamServiceHandler),
	}
}

// Transfers tells, by method and path alone, which requests may last: a server gives them more time, and larger bodies.
func Transfers(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	switch strings.TrimPrefix(r.URL.Path, Prefix) {
	case taskflowv1connect.AttachmentServiceUploadAttachmentProcedure, taskflowv1connect.AttachmentServiceDownloadAttachmentProcedure,
		taskflowv1connect.ExportServiceExportProcedure:
		return strings.HasPrefix(r.URL.Path, Prefix)
	}
	return false
}
