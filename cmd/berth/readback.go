package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/live"
)

// Bounds on asking the site from outside: what does not answer by then refuses.
const (
	askWithin  = 10 * time.Second
	dialWithin = 5 * time.Second
)

// readBack reads a stack's account back with the usual AWS settings.
func readBack(ctx context.Context, subject promises.Subject, roleARN string, done func(live.Result)) (*live.Reading, error) {
	settings, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion("us-east-1"))
	if err != nil {
		return nil, fmt.Errorf("read the AWS settings: %w", err)
	}
	if roleARN != "" {
		caller, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, fmt.Errorf("ask AWS who the credentials belong to: %w", err)
		}
		assume := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(settings), roleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = sessionName(aws.ToString(caller.Arn), subject.Stack)
		})
		assumed := aws.NewCredentialsCache(assume)
		if _, err := assumed.Retrieve(ctx); err != nil {
			return nil, fmt.Errorf("sign in as %s: %w\nname another role with --role, or use --role none with credentials that may read the account", roleARN, err)
		}
		settings.Credentials = assumed
	}
	client := &http.Client{Timeout: askWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	dialer := &net.Dialer{Timeout: dialWithin}
	return live.Read(ctx, catalogue.All(), live.Options{
		Subject: subject, Config: settings, Outside: live.Outside{Do: client.Do, Dial: dialer.DialContext}, Done: done,
	})
}

// sessionName says in the account's trail who looked: a person by name, as the role asks of people, a program by what it does.
func sessionName(caller, stack string) string {
	if _, user, isUser := strings.Cut(caller, ":user/"); isUser {
		return user[strings.LastIndex(user, "/")+1:]
	}
	return "berth-verify-" + stack
}
