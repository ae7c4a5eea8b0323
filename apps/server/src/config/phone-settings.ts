/** The settings of short messages. */
export const PHONE_SETTINGS = {
  phone: {
    about: 'Short messages with codes, for signing up and in by phone number. Nothing is offered while phone.providers is empty.',
    settings: {
      providers: {
        reload: 'cold',
        type: 'string',
        default: '',
        about:
          'Who carries them: twilio, smpp, webhook, console, in the order in which they are asked, separated by spaces. When one does not take a message, the next is asked at once; those whose codes are typed in go first.',
      },
      consoleAnywhere: {
        reload: 'cold',
        type: 'boolean',
        default: false,
        about:
          'Let the provider console work although others than this machine may reach the server. It shows every code to whoever asks for one: anybody can then sign in as anybody.',
      },
    },
  },
  'phone.twilio': {
    about: 'Provider twilio: the Messages API of Twilio, or of somebody who offers the same.',
    settings: {
      url: { reload: 'cold', type: 'string', default: 'https://api.twilio.com', about: 'Where the API is, without /2010-04-01.' },
      account: { reload: 'cold', type: 'string', default: '', about: 'The id of the account (AC…).' },
      token: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'Its token; best given as PARLEY_PHONE_TWILIO_TOKEN, or in a file that only the server may read.',
      },
      from: { reload: 'cold', type: 'string', default: '', about: 'The sender: a number, a name, or a messaging service (MG…).' },
    },
  },
  'phone.smpp': {
    about: 'Provider smpp: the SMSC of an operator or of an aggregator, by SMPP 3.4 as a transceiver.',
    settings: {
      server: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'smpps://host:3550 for TLS, smpp://host:2775 in the clear: then only over a private line or a VPN.',
      },
      user: { reload: 'cold', type: 'string', default: '', about: 'system_id, at most 15 characters.' },
      password: {
        reload: 'cold',
        type: 'string',
        default: '',
        about:
          'At most 8 characters, as SMPP has it; best given as PARLEY_PHONE_SMPP_PASSWORD, or in a file that only the server may read.',
      },
      systemType: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'system_type, where the SMSC asks for one; at most 12 characters.',
      },
      from: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'The sender: a number with + and country code, a short number, or a name of at most 11 characters.',
      },
      alphabet: {
        reload: 'cold',
        type: 'string',
        default: 'gsm',
        values: ['gsm', 'latin1', 'ucs2'],
        about:
          'How texts are written: gsm is the default alphabet (data_coding 0) as GSM 03.38 has it; latin1 (data_coding 3) where the SMSC takes something else for its default, which shows as a wrong @.',
      },
      enquireLink: {
        reload: 'cold',
        type: 'duration',
        default: '30s',
        min: '1s',
        max: '10m',
        about: 'How often a quiet connection is asked whether it lives.',
      },
      ca: { reload: 'cold', type: 'string', default: '', about: 'A file with further certificates to trust, PEM.' },
    },
  },
  'phone.webhook': {
    about: 'Provider webhook: a program of yours that is told number, text and code as JSON, signed as Standard Webhooks has it.',
    settings: {
      url: { reload: 'cold', type: 'string', default: '', about: 'Where it is: https, or http on this machine.' },
      secret: {
        reload: 'cold',
        type: 'string',
        default: '',
        about:
          'whsec_ and 24 to 64 random bytes in base64; best given as PARLEY_PHONE_WEBHOOK_SECRET, or in a file that only the server may read.',
      },
    },
  },
} as const;
