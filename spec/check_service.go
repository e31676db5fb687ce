package spec

import (
	"fmt"
	"strings"
)

// emptySHA256 is the checksum of no bytes at all: of a download that failed.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (c *clientCheck) service() {
	s := c.Service
	c.machine("service.instanceType", s.InstanceType, serviceMachines, choose(c.Tier == Dedicated, "m6i.xlarge", "t3.medium"))
	if id := strings.TrimPrefix(s.ImageID, "ami-"); id != "" && strings.Trim(id, "0") == "" {
		c.add("service.imageId", show(s.ImageID), "a real image", "look up the newest Amazon Linux 2023 image for x86_64 in "+c.AWS.Region)
	}
	if c.sound("service.minMachines", "service.maxMachines") && s.MaxMachines < s.MinMachines {
		c.add("service.maxMachines", show(s.MaxMachines), fmt.Sprintf("at least service.minMachines, %d", s.MinMachines), "raise it, or lower minMachines")
	}
	if c.strict("AV-2") && c.sound("aws.zones", "service.minMachines") && s.MinMachines < c.AWS.Zones {
		c.add("service.minMachines", show(s.MinMachines), fmt.Sprintf("at least one machine in each of the %d zones in production (AV-2)", c.AWS.Zones),
			fmt.Sprintf("set it to %d or more, or leave it out", c.AWS.Zones))
	}
	c.release()
}

func (c *clientCheck) release() {
	c.checksum("service.release.sha256", c.Service.Release.SHA256)
	c.bucketName("service.release.bucket", c.Service.Release.Bucket, "write the name of the organisation's release bucket")
}

// checksum refuses one that stands for no artefact.
func (r *report) checksum(path, sum string) {
	switch {
	case sum == emptySHA256:
		r.add(path, show(sum), "the checksum of the artefact, not of an empty file", "run sha256sum on the whole artefact")
	case sum != "" && strings.Trim(sum, sum[:1]) == "":
		r.add(path, show(sum), "the checksum of the artefact", "run sha256sum on it")
	}
}

// bucketName refuses names that S3 keeps for itself.
func (r *report) bucketName(path, name, fix string) {
	switch {
	case strings.HasPrefix(name, "xn--"):
		r.add(path, show(name), "a bucket name that does not begin with xn--", fix)
	case strings.HasPrefix(name, "sthree-"), strings.HasPrefix(name, "amzn-s3-demo-"):
		r.add(path, show(name), "a bucket name without a beginning that AWS reserves", fix)
	case strings.HasSuffix(name, "-s3alias"), strings.HasSuffix(name, "--ol-s3"), strings.HasSuffix(name, "--x-s3"):
		r.add(path, show(name), "a bucket, not an alias or an access point", fix)
	}
}
