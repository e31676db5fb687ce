// Package expression is the sandbox of automation rules (AS-5): "when … if … then …", of which it judges the "if". A condition is
// written in CEL, a language without loops of its own, without files, network, clock or variables to grow. It sees Facts and says
// yes or no.
//
// What holds it: the length of the condition, how deeply it is nested, the functions that it may use, one loop over a list and none
// within it, patterns of RE2 that are written out and small, an estimate of the highest cost when the rule is written, the actual
// cost and a time limit when it runs. Memory is bounded by the same: no function makes anything longer than what it was given.
//
// The package knows no storage and decides nothing but true and false.
package expression

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/berth-iac/berth/app/fault"
)

const (
	field = "condition"
	// MaxLength is how long a condition may be, in characters.
	MaxLength = 2000
	// MaxCost bounds the work of one condition, in CEL's units: about a comparison, or ten characters looked at, each.
	MaxCost = 500_000
	// MaxTime is how long one condition may run. The cost bounds it long before, on any machine that is not overloaded.
	MaxTime = 250 * time.Millisecond

	maxNodes = 600
	maxDepth = 24
	// maxPattern is the size of a compiled pattern: the work per character that it looks at.
	maxPattern = 200
	// maxMessages is how many problems of a condition are told.
	maxMessages = 5
)

// Sandbox compiles conditions. One is enough for a process; it knows no client.
type Sandbox struct {
	env       *cel.Env
	variables map[string]variable
}

// New makes one.
func New() (*Sandbox, error) {
	s := &Sandbox{variables: map[string]variable{}}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(env.NewLibrarySubset().AddIncludedFunctions(allowed()...).
			AddIncludedMacros(operators.All, operators.Exists, operators.ExistsOne, operators.Filter))),
		cel.Function("lower", cel.MemberOverload("string_lower", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(lower))),
		cel.DefaultUTCTimeZone(true),
		cel.ParserRecursionLimit(maxDepth), cel.ParserErrorRecoveryLimit(4), cel.ParserExpressionSizeLimit(MaxLength), cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxPattern),
		cel.ASTValidators(cel.ValidateComprehensionNestingLimit(1), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals(), onlySafe{}),
	}
	for _, v := range variables() {
		options = append(options, cel.Variable(v.name, v.kind))
		s.variables[v.name] = v
	}
	var err error
	if s.env, err = cel.NewCustomEnv(options...); err != nil {
		return nil, fmt.Errorf("make the sandbox of conditions: %w", err)
	}
	return s, nil
}

// Names are what conditions may use, sorted, for help texts.
func (s *Sandbox) Names() []string {
	return slices.Sorted(maps.Keys(s.variables))
}

// allowed are the functions that a condition may use: what is not here does not exist. The time zone's variants of the date functions
// are not, for they read files.
func allowed() []*env.Function {
	var all []*env.Function
	for _, name := range []string{
		operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
		operators.In, operators.Index, overloads.Size, overloads.Contains, overloads.StartsWith, overloads.EndsWith,
		overloads.TypeConvertInt, overloads.TypeConvertDouble, overloads.TypeConvertString, overloads.TypeConvertTimestamp, overloads.TypeConvertDuration,
	} {
		all = append(all, env.NewFunction(name))
	}
	for name, ids := range map[string][]string{
		overloads.Matches:           {overloads.MatchesString},
		overloads.TimeGetFullYear:   {overloads.TimestampToYear},
		overloads.TimeGetMonth:      {overloads.TimestampToMonth},
		overloads.TimeGetDate:       {overloads.TimestampToDayOfMonthOneBased},
		overloads.TimeGetDayOfMonth: {overloads.TimestampToDayOfMonthZeroBased},
		overloads.TimeGetDayOfWeek:  {overloads.TimestampToDayOfWeek},
		overloads.TimeGetHours:      {overloads.TimestampToHours, overloads.DurationToHours},
		overloads.TimeGetMinutes:    {overloads.TimestampToMinutes, overloads.DurationToMinutes},
	} {
		var some []*env.Overload
		for _, id := range ids {
			some = append(some, &env.Overload{ID: id})
		}
		all = append(all, env.NewFunction(name, some...))
	}
	return all
}

func lower(value ref.Val) ref.Val {
	s, ok := value.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	return types.String(strings.ToLower(string(s)))
}

// onlySafe refuses what the grammar allows and a condition does not need.
type onlySafe struct{}

func (onlySafe) Name() string { return "taskflow.only_safe" }

func (onlySafe) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.StructKind:
			issues.ReportErrorAtID(e.ID(), "messages cannot be made here")
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() == overloads.Matches && (len(call.Args()) != 1 || call.Args()[0].Kind() != ast.LiteralKind) {
				issues.ReportErrorAtID(e.ID(), "the pattern of matches has to be written out")
			}
		}
	}))
}

// Condition is one that was compiled. It may be used by many at once.
type Condition struct {
	program   cel.Program
	variables map[string]variable
}

// Compile reads a condition. What is wrong with it is fault.BadInput of field "condition", with the place, all problems joined.
func (s *Sandbox) Compile(source string) (c *Condition, err error) {
	defer stopped(&err)
	switch {
	case strings.TrimSpace(source) == "":
		return nil, bad("it is empty", "write a condition, such as task.priority == 'high'")
	case !utf8.ValidString(source) || strings.ContainsRune(source, 0):
		return nil, bad("it is not valid text", "use letters, digits and signs")
	case utf8.RuneCountInString(source) > MaxLength:
		return nil, fault.Oversize(field, fmt.Sprintf("it is longer than %d characters", MaxLength), "make several rules of it")
	}
	tree, issues := s.env.Compile(source)
	if issues.Err() != nil {
		return nil, s.problems(source, issues)
	}
	if tree.OutputType() != cel.BoolType {
		return nil, bad(fmt.Sprintf("it gives %s, not yes or no", cel.FormatCELType(tree.OutputType())), "compare it with something, such as task.status == 'done'")
	}
	cost, err := s.env.EstimateCost(tree, s)
	if err != nil {
		return nil, fmt.Errorf("estimate the cost of a condition: %w", err)
	}
	if cost.Max > MaxCost {
		return nil, fault.Oversize(field, fmt.Sprintf("it may cost %d, and %d is the most", cost.Max, MaxCost), "look at fewer or shorter texts, or make several rules of it")
	}
	program, err := s.env.Program(tree, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(nil), cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(16))
	if err != nil {
		return nil, bad("it cannot be run", "check its patterns and constants").Because(err)
	}
	return &Condition{program: program, variables: s.variables}, nil
}

// EstimateSize tells the estimate of the cost how long the variables can be.
func (s *Sandbox) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	path := element.Path()
	if len(path) == 0 {
		return nil
	}
	if path[len(path)-1] == "@items" {
		return &checker.SizeEstimate{Max: shortText}
	}
	if v, found := s.variables[strings.Join(path, ".")]; found {
		return &checker.SizeEstimate{Max: v.size}
	}
	return nil
}

// EstimateCallCost tells the estimate what the one function of our own costs.
func (s *Sandbox) EstimateCallCost(function, _ string, target *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if function != "lower" || target == nil {
		return nil
	}
	size := checker.SizeEstimate{Max: longText}
	if known := (*target).ComputedSize(); known != nil {
		size = *known
	} else if known := s.EstimateSize(*target); known != nil {
		size = *known
	}
	// A letter may be longer in small: İ is two bytes, and three as i̇.
	result := checker.SizeEstimate{Min: size.Min, Max: size.Max * 2}
	return &checker.CallEstimate{CostEstimate: size.MultiplyByCostFactor(0.1), ResultSize: &result}
}

// Holds tells whether the condition is true of the facts. A condition that fails, for instance by dividing by zero, gives
// fault.BadInput; one that is stopped for its cost or time gives fault.TooLarge; both are for the rule's author to read.
func (c *Condition) Holds(ctx context.Context, facts Facts) (holds bool, err error) {
	defer stopped(&err)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, MaxTime, errSlow)
	defer cancel()
	out, _, err := c.program.ContextEval(limited, &lookup{&facts, c.variables})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, errSlow):
		return false, fault.Oversize(field, "it was stopped because it took too long", "make it simpler")
	case strings.Contains(err.Error(), "cost limit exceeded"):
		return false, fault.Oversize(field, "it was stopped because it did too much", "make it simpler")
	default:
		return false, bad("it failed on this task", "check what it divides by, which list items it takes and which texts it converts").Because(err)
	}
	answer, ok := out.Value().(bool)
	if !ok {
		return false, bad("it gave no yes or no", "compare it with something")
	}
	return answer, nil
}

var errSlow = errors.New("the condition's time is over")

// lookup makes a fact into a value when a condition asks for it.
type lookup struct {
	facts     *Facts
	variables map[string]variable
}

// ResolveName is CEL's.
func (l *lookup) ResolveName(name string) (any, bool) {
	v, found := l.variables[name]
	if !found {
		return nil, false
	}
	return v.of(l.facts), true
}

// Parent is CEL's.
func (l *lookup) Parent() cel.Activation { return nil }

func bad(msg, fix string) *fault.Error { return fault.BadInput(field, msg, fix) }

// stopped makes an error of a panic in the library: a rule must not take the service down.
func stopped(err *error) {
	if r := recover(); r != nil {
		*err = fault.Oversize(field, "it cannot be worked out", "make it simpler").Because(fmt.Errorf("panic: %v", r))
	}
}

// problems puts CEL's own into words.
func (s *Sandbox) problems(source string, issues *cel.Issues) error {
	lines := strings.Split(source, "\n")
	var all []error
	for _, one := range issues.Errors() {
		if len(all) == maxMessages {
			break
		}
		msg, fix := one.Message, "see the examples in the help"
		if word := undeclared(msg); word != "" {
			full := word
			if n := one.Location.Line(); n >= 1 && n <= len(lines) {
				full = wordAt(lines[n-1], one.Location.Column(), word)
			}
			msg, fix = fmt.Sprintf("there is nothing called %q", full), s.nearest(full)
		} else if strings.Contains(msg, "found no matching overload") {
			fix = "compare text with text, number with number, time with time"
		} else if strings.HasPrefix(msg, "Syntax error") {
			fix = "check quotes, brackets and operators near it"
		} else if strings.Contains(msg, "nest") || strings.Contains(msg, "limit") {
			fix = "make it simpler, or several rules of it"
		}
		if len(msg) > 300 {
			msg = text(msg, 300) + "…"
		}
		all = append(all, bad(fmt.Sprintf("line %d, column %d: %s", one.Location.Line(), one.Location.Column()+1, msg), fix))
	}
	if len(all) == 0 {
		return bad("it cannot be read", "check quotes, brackets and operators").Because(issues.Err())
	}
	return errors.Join(all...)
}

func undeclared(msg string) string {
	rest, found := strings.CutPrefix(msg, "undeclared reference to '")
	if !found {
		return ""
	}
	word, _, _ := strings.Cut(rest, "'")
	return word
}

// wordAt gives the name with its dots that stands at a column.
func wordAt(line string, column int, word string) string {
	runes := []rune(line)
	if column < 0 || column > len(runes) {
		return word
	}
	start := column
	inName := func(r rune) bool {
		return r == '.' || r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	for start > 0 && inName(runes[start-1]) {
		start--
	}
	end := column
	for end < len(runes) && inName(runes[end]) {
		end++
	}
	if found := strings.Trim(string(runes[start:end]), "."); strings.Contains(found, word) && len(found) < 80 {
		return found
	}
	return word
}

// nearest names what may have been meant.
func (s *Sandbox) nearest(word string) string {
	group, _, _ := strings.Cut(word, ".")
	var same []string
	for _, name := range s.Names() {
		if strings.HasPrefix(name, group+".") || strings.HasPrefix(name, group) {
			same = append(same, name)
		}
	}
	if len(same) == 0 {
		same = []string{"event", "changed", "now", "comment", "task.…", "before.…", "actor.…"}
	}
	return "use one of " + strings.Join(same, ", ")
}
