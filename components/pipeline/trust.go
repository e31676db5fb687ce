package pipeline

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/spec"
)

// The providers of workflows' identity, as the spec writes them.
const (
	github   = "github"
	circleCI = "circleci"
)

// issuer says how a provider's tokens look and what of them each role trusts.
type issuer struct {
	url, audience string
	// thumbprints are pinned, so that the graph does not depend on what the issuer's server shows today. AWS
	// checks these issuers by its own list of certificate authorities and asks the thumbprints only beyond that.
	thumbprints []string
	// claims are the conditions on a run's token besides its audience, by role.
	claims map[string][]policy.Condition
}

// trust are the conditions on a token that asks for the role.
func (i issuer) trust(role string) []policy.Condition {
	return append([]policy.Condition{policy.Is("StringEquals", i.key("aud"), i.audience)}, i.claims[role]...)
}

func (i issuer) key(claim string) string { return claimKey(i.url, claim) }

func claimKey(url, claim string) string { return strings.TrimPrefix(url, "https://") + ":" + claim }

var (
	githubRepository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	circleProject    = regexp.MustCompile(`^[0-9a-f-]{36}/[0-9a-f-]{36}$`)
)

func checkRepository(p spec.Pipeline) error {
	switch {
	case p.Provider != github && p.Provider != circleCI:
		return fmt.Errorf("provider %q is not known: use github or circleci", p.Provider)
	case p.Provider == github && !githubRepository.MatchString(p.Repository):
		return fmt.Errorf("repository %q is not written as owner/name", p.Repository)
	case p.Provider == circleCI && !circleProject.MatchString(p.Repository):
		return fmt.Errorf("repository %q is not written as organisation id/project id", p.Repository)
	}
	return nil
}

func issuerOf(p spec.Pipeline) issuer {
	if p.Provider == circleCI {
		return circle(p)
	}
	const url = "https://token.actions.githubusercontent.com"
	subject := func(kind string) policy.Condition {
		return policy.Is("StringEquals", claimKey(url, "sub"), "repo:"+p.Repository+":"+kind)
	}
	released := subject("environment:" + p.Environment)
	return issuer{
		url: url, audience: "sts.amazonaws.com",
		thumbprints: []string{"1c58a3a8518e8759bf075b76b750d4f2df264fcd", "6938fd4d98bab03faadb97b34396831e3780aea1"},
		claims: map[string][]policy.Condition{
			preview: {subject("pull_request")},
			deploy:  {released},
			// The environment takes the place of the tag in the subject; the tag has a claim of its own.
			release: {released, policy.Is("StringLike", claimKey(url, "ref"), "refs/tags/*")},
		},
	}
}

// circle reads CircleCI's second kind of token (CIRCLE_OIDC_TOKEN_V2), whose subject tells the branch or tag:
// org/…/project/…/user/…/vcs-origin/…/vcs-ref/…
func circle(p spec.Pipeline) issuer {
	organisation, project, _ := strings.Cut(p.Repository, "/")
	url := "https://oidc.circleci.com/org/" + organisation
	own := "org/" + organisation + "/project/" + project + "/user/*"
	subject := func(ref string) []policy.Condition {
		return []policy.Condition{
			policy.Is("StringLike", claimKey(url, "sub"), own+"/vcs-origin/*/vcs-ref/"+ref),
			// An asterisk goes over slashes: a branch could be called x/vcs-ref/refs/tags/y and look like a tag.
			policy.Is("StringNotLike", claimKey(url, "sub"), "*/vcs-ref/*/vcs-ref/*"),
		}
	}
	return issuer{
		url: url, audience: organisation, thumbprints: []string{"9e99a48a9960b14926bb7f3b02e22da2b0ab7280"},
		claims: map[string][]policy.Condition{
			preview: {policy.Is("StringLike", claimKey(url, "sub"), own)},
			deploy:  subject("refs/heads/main"),
			release: subject("refs/tags/*"),
		},
	}
}
