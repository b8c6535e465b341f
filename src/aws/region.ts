/**
 * The AWS region the environment names. The AWS CLI reads AWS_DEFAULT_REGION and the SDK does not, so we read it.
 * Undefined leaves the choice to the SDK's own chain.
 */
export function awsRegion(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || undefined;
}
