package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// gapServer stands between the bridge and the Terraform provider and does what the gaps file says about
// what the emulator lacks. Checks and plans are the provider's own, always.
type gapServer struct {
	*tfServer
	gaps      gapSet
	resources map[string]tftypes.Type
	functions map[string]tftypes.Type
	try       bool    // try each gap that is not costly, and report the answer
	report    *report // of what was tried
	place     place   // of the configured provider
}

// use takes on what a gaps file says. Before, everything is sent.
func (s *gapServer) use(ctx context.Context, gaps gapSet, try bool, r *report) error {
	schema, err := s.GetProviderSchema(ctx, nil)
	if err != nil {
		return err
	}
	s.gaps, s.try, s.report, s.resources, s.functions = gaps, try, r, map[string]tftypes.Type{}, map[string]tftypes.Type{}
	for tf := range gaps.resources {
		s.resources[tf] = schema.ResourceSchemas[tf].ValueType()
	}
	for tf := range gaps.functions {
		s.functions[tf] = schema.DataSourceSchemas[tf].ValueType()
	}
	return nil
}

// urnKey is the context's key of the URN that a call is about.
type urnKey struct{}

// ConfigureProvider notes the account and region that made-up values are to name.
func (s *gapServer) ConfigureProvider(
	ctx context.Context, r *tfprotov6.ConfigureProviderRequest,
) (*tfprotov6.ConfigureProviderResponse, error) {
	prov, err := schemaIn(s.schema.Provider)
	if err != nil {
		return nil, err
	}
	config, err := r.Config.Unmarshal(prov.ValueType())
	if err != nil {
		return nil, fmt.Errorf("reading the provider's configuration: %w", err)
	}
	s.place = placeOf(config)
	return s.tfServer.ConfigureProvider(ctx, r)
}

// ApplyResourceChange creates, updates or deletes, but for what the gaps say.
func (s *gapServer) ApplyResourceChange(
	ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	gaps := s.gaps.resources[r.TypeName]
	if len(gaps) == 0 {
		return s.tfServer.ApplyResourceChange(ctx, r)
	}
	c, err := s.change(r)
	if err != nil {
		return nil, err
	}
	about := c.planned
	if about.IsNull() {
		about = c.prior
	}
	if gaps = concerning(gaps, about); len(gaps) == 0 {
		return s.tfServer.ApplyResourceChange(ctx, r)
	}
	switch {
	case gaps[0].do == doStandIn:
		return s.standIn(ctx, gaps[0], r, c)
	case c.planned.IsNull():
		return s.delete(ctx, gaps, r, c)
	}
	return s.apply(ctx, gaps, r, c)
}

// concerning are the gaps that are there for a resource of such a value.
func concerning(gaps []gap, v tftypes.Value) []gap {
	there := slices.DeleteFunc(slices.Clone(gaps), func(g gap) bool { return !g.concerns(v) })
	for _, g := range there {
		if g.do == doStandIn {
			return []gap{g} // it is not sent, so that nothing else can be lacking
		}
	}
	return there
}

// change is what a request is about, decoded.
type change struct {
	typ                    tftypes.Type
	prior, planned, config tftypes.Value
}

func (s *gapServer) change(r *tfprotov6.ApplyResourceChangeRequest) (c change, err error) {
	c.typ = s.resources[r.TypeName]
	for to, from := range map[*tftypes.Value]*tfprotov6.DynamicValue{
		&c.prior: r.PriorState, &c.planned: r.PlannedState, &c.config: r.Config,
	} {
		if from == nil {
			*to = tftypes.NewValue(c.typ, nil)
		} else if *to, err = from.Unmarshal(c.typ); err != nil {
			return c, fmt.Errorf("%s: %w", r.TypeName, err)
		}
	}
	return c, nil
}

// whole makes the call with all of its errors in the answer, also where a half-made resource is left.
func (s *gapServer) whole(
	ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest,
) (a *tfprotov6.ApplyResourceChangeResponse, failed string, err error) {
	a, err = s.tfServer.ApplyResourceChange(context.WithValue(ctx, halfDoneKey{}, (*halfDone)(nil)), r)
	if err != nil {
		return nil, "", err
	}
	return a, errorText(a.Diagnostics), nil
}

func errorText(ds []*tfprotov6.Diagnostic) string {
	var texts []string
	for _, d := range ds {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			texts = append(texts, strings.Trim(d.Summary+": "+d.Detail, ": "))
		}
	}
	return strings.Join(texts, "; ")
}

// standIn answers for a resource that is never sent.
func (s *gapServer) standIn(
	ctx context.Context, g gap, r *tfprotov6.ApplyResourceChangeRequest, c change,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	if c.planned.IsNull() {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PlannedState}, nil
	}
	if s.try && !g.costly && c.prior.IsNull() {
		a, failed, err := s.whole(ctx, r)
		if err != nil {
			return nil, err
		}
		s.report.tried(ctx, g, "create", failed)
		if err := s.remove(ctx, r, a); err != nil {
			return nil, err
		}
	}
	state, err := s.place.complete(c.planned, c.prior, g.values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.token, err)
	}
	raw, err := encoded(c.typ, state)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: raw, Private: r.PlannedPrivate}, err
}

// remove deletes what a trial left, as far as the emulator does that.
func (s *gapServer) remove(
	ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest, a *tfprotov6.ApplyResourceChangeResponse,
) error {
	if null, err := a.NewState.IsNull(); err != nil || null {
		return err
	}
	typ := s.resources[r.TypeName]
	none, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, nil))
	if err != nil {
		return err
	}
	made, err := a.NewState.Unmarshal(typ)
	if err != nil {
		return err
	}
	if made, err = sent(made, s.gaps.resources[r.TypeName]); err != nil {
		return err
	}
	prior, err := encoded(typ, made)
	if err != nil {
		return err
	}
	_, _, err = s.whole(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.TypeName, PriorState: prior, PlannedState: &none, Config: &none,
		PlannedPrivate: a.Private, ProviderMeta: r.ProviderMeta,
	})
	return err
}

// delete leaves what the emulator cannot delete.
func (s *gapServer) delete(
	ctx context.Context, gaps []gap, r *tfprotov6.ApplyResourceChangeRequest, c change,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	for _, g := range gaps {
		if g.do != doLeave {
			continue
		}
		if s.try && !g.costly {
			_, failed, err := s.whole(ctx, r)
			if err != nil {
				return nil, err
			}
			s.report.tried(ctx, g, "delete", failed)
		}
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PlannedState}, nil
	}
	for _, g := range gaps {
		if !s.try || g.costly || !g.late || !differs(c.prior, g.send) {
			continue
		}
		a, failed, err := s.whole(ctx, r)
		if err != nil {
			return nil, err
		}
		if s.report.tried(ctx, g, "delete", failed); failed == "" {
			return a, nil
		}
	}
	// What was sent with other values is deleted with them, too.
	prior, err := sent(c.prior, gaps)
	if err != nil {
		return nil, err
	}
	q := *r
	if q.PriorState, err = encoded(c.typ, prior); err != nil {
		return nil, err
	}
	return s.tfServer.ApplyResourceChange(ctx, &q)
}

// apply sends a creation or an update with what the emulator can take, and keeps what it would lose.
func (s *gapServer) apply(
	ctx context.Context, gaps []gap, r *tfprotov6.ApplyResourceChangeRequest, c change,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	gaps = slices.DeleteFunc(gaps, func(g gap) bool { return g.late })
	operation := "update"
	if c.prior.IsNull() {
		operation = "create"
	}
	for i, g := range gaps {
		if !s.try || g.costly || g.do != doSend || !differs(c.planned, g.send) {
			continue
		}
		others := append(append([]gap{}, gaps[:i]...), gaps[i+1:]...)
		q, err := s.request(r, c, others)
		if err != nil {
			return nil, err
		}
		a, failed, err := s.whole(ctx, q)
		if err != nil {
			return nil, err
		}
		s.report.tried(ctx, g, operation, failed)
		if operation == "create" {
			err = s.remove(ctx, r, a)
		} else if null, nullErr := a.NewState.IsNull(); nullErr == nil && !null && failed == "" {
			c.prior, err = a.NewState.Unmarshal(c.typ)
		}
		if err != nil {
			return nil, err
		}
	}
	q, err := s.request(r, c, gaps)
	if err != nil {
		return nil, err
	}
	a, err := s.tfServer.ApplyResourceChange(ctx, q)
	if err != nil || a.NewState == nil {
		return a, err
	}
	a.NewState, err = s.kept(ctx, operation, gaps, c.typ, a.NewState, c.planned)
	return a, err
}

// request is the request with the values that are sent in place of the program's.
func (s *gapServer) request(
	r *tfprotov6.ApplyResourceChangeRequest, c change, gaps []gap,
) (*tfprotov6.ApplyResourceChangeRequest, error) {
	q := *r
	for to, from := range map[**tfprotov6.DynamicValue]tftypes.Value{
		&q.PriorState: c.prior, &q.PlannedState: c.planned, &q.Config: c.config,
	} {
		v, err := sent(from, gaps)
		if err != nil {
			return nil, err
		}
		if *to, err = encoded(c.typ, v); err != nil {
			return nil, err
		}
	}
	return &q, nil
}

// kept puts into what came back what was planned of the properties that are kept.
func (s *gapServer) kept(
	ctx context.Context, operation string, gaps []gap, typ tftypes.Type, back *tfprotov6.DynamicValue, planned tftypes.Value,
) (*tfprotov6.DynamicValue, error) {
	got, err := back.Unmarshal(typ)
	if err != nil || got.IsNull() || planned.IsNull() {
		return back, err
	}
	for _, g := range gaps {
		var lost []string
		for _, field := range g.keep {
			want, err := fieldOf(planned, field)
			if err != nil {
				return nil, err
			}
			have, err := fieldOf(got, field)
			if err != nil {
				return nil, err
			}
			if !want.IsKnown() {
				continue // the provider's to say
			}
			if want, err = known(want); err != nil {
				return nil, err
			}
			if want.Equal(have) {
				continue
			}
			lost = append(lost, fmt.Sprintf("%s came back as %s", field, have))
			if got, err = withField(got, field, want); err != nil {
				return nil, err
			}
		}
		if s.try && g.do == doKeep && !g.costly {
			s.report.lost(ctx, g, operation, lost)
		}
	}
	return encoded(typ, got)
}

// ReadResource reads, but for stand-ins, and keeps what the gaps say.
func (s *gapServer) ReadResource(
	ctx context.Context, r *tfprotov6.ReadResourceRequest,
) (*tfprotov6.ReadResourceResponse, error) {
	gaps := s.gaps.resources[r.TypeName]
	if len(gaps) == 0 {
		return s.tfServer.ReadResource(ctx, r)
	}
	typ := s.resources[r.TypeName]
	current, err := r.CurrentState.Unmarshal(typ)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.TypeName, err)
	}
	gaps = concerning(gaps, current)
	if len(gaps) > 0 && gaps[0].do == doStandIn {
		return &tfprotov6.ReadResourceResponse{NewState: r.CurrentState, Private: r.Private}, nil
	}
	a, err := s.tfServer.ReadResource(ctx, r)
	if err != nil || a.NewState == nil {
		return a, err
	}
	a.NewState, err = s.kept(ctx, "read", gaps, typ, a.NewState, current)
	return a, err
}

// ReadDataSource calls a function, or makes up its answer.
func (s *gapServer) ReadDataSource(
	ctx context.Context, r *tfprotov6.ReadDataSourceRequest,
) (*tfprotov6.ReadDataSourceResponse, error) {
	gaps := s.gaps.functions[r.TypeName]
	if len(gaps) == 0 || gaps[0].do != doStandIn {
		return s.tfServer.ReadDataSource(ctx, r)
	}
	g, typ := gaps[0], s.functions[r.TypeName]
	if s.try && !g.costly {
		a, err := s.tfServer.ReadDataSource(ctx, r)
		if err != nil {
			return nil, err
		}
		s.report.tried(ctx, g, "read", errorText(a.Diagnostics))
	}
	config, err := r.Config.Unmarshal(typ)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.TypeName, err)
	}
	state, err := s.place.answer(config, g.values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.token, err)
	}
	raw, err := encoded(typ, state)
	return &tfprotov6.ReadDataSourceResponse{State: raw}, err
}
