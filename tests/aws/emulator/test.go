package emulator

import "context"

// T is what this package needs of a test. It is *testing.T.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// New starts an account for a test and closes it at the test's end. Where moto is absent the test is skipped;
// when it failed, what moto said is logged.
func New(t T, o Options) *Server {
	t.Helper()
	if _, err := Find(); err != nil {
		t.Skipf("%s is skipped: %v", t.Name(), err)
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the emulator: %v", err)
		}
		if t.Failed() {
			t.Logf("the emulator refused %q and said at last:\n%s", s.Refused(), s.Log())
		}
	})
	return s
}
