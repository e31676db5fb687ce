package emulator

import "context"

// What a call's context carries from the call to its answer.
type (
	callKey struct{}
	cborKey struct{}
)

func withCall(ctx context.Context, call Call, translated bool) context.Context {
	return context.WithValue(context.WithValue(ctx, callKey{}, call), cborKey{}, translated)
}
