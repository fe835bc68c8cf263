import { describe, expect, it } from 'vitest'
import { entraReason, entraRemedy } from '../../src/credentials/failures.ts'

describe('Entra ID’s message', () => {
  it.each([
    [
      'in MSAL’s form',
      'invalid_client: Error(s): 7000215 - Timestamp: 2026-01-01 00:00:00Z - Description: AADSTS7000215: Invalid client secret provided. Trace ID: a Correlation ID: b Timestamp: c - Correlation ID: b - Trace ID: a',
      'AADSTS7000215: Invalid client secret provided.',
    ],
    [
      'behind the name of a credential',
      'ManagedIdentityCredential: Authentication failed. Message temporarily_unavailable: Error(s): Not Available - Timestamp: Not Available - Description: Too many requests. - Correlation ID: Not Available - Trace ID: Not Available',
      'ManagedIdentityCredential: Authentication failed. Message Too many requests.',
    ],
    ['plain', 'AADSTS50034: No such account. Trace ID: a Correlation ID: b', 'AADSTS50034: No such account.'],
    ['not of Entra', 'Please run az login', 'Please run az login'],
  ])('%s, is shortened to what matters', (_, text, reason) => expect(entraReason(text)).toBe(reason))
})

describe('the remedy for an Entra ID error', () => {
  it.each([
    ['AADSTS7000222: The provided client secret keys are expired.', /add a new one/],
    ['AADSTS90002: Tenant not found.', /Check tenantId/],
    ['endpoints_resolution_error: See …', /Check tenantId/],
    ['AADSTS53003: Access has been blocked.', /Conditional Access/],
  ])('%s', (text, remedy) => expect(entraRemedy(text)).toMatch(remedy))

  it('is undefined for an unknown error', () => {
    expect(entraRemedy('AADSTS999999: Something else.')).toBeUndefined()
    expect(entraRemedy('no such thing')).toBeUndefined()
  })
})
