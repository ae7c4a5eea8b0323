/** As much of the package `smpp` as the tests use. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';

  export interface Pdu {
    readonly command: string;
    readonly sequence_number: number;
    readonly system_id?: string;
    readonly password?: string;
    readonly system_type?: string;
    readonly source_addr?: string;
    readonly source_addr_ton?: number;
    readonly destination_addr?: string;
    readonly registered_delivery?: number;
    readonly validity_period?: string;
    readonly data_coding?: number;
    readonly short_message?: { readonly message: string };
    readonly command_status?: number;
    response(values?: Readonly<Record<string, unknown>>): Pdu;
  }
  export interface Session extends EventEmitter {
    readonly socket: Socket;
    send(pdu: Pdu): boolean;
    deliver_sm(values: Readonly<Record<string, unknown>>, answered?: (pdu: Pdu) => void): boolean;
    enquire_link(answered?: (pdu: Pdu) => void): boolean;
    close(): void;
  }
  export interface Server extends EventEmitter {
    listen(port: number, host: string, listening: () => void): void;
    address(): { readonly port: number };
    close(closed?: () => void): void;
  }
  const smpp: {
    createServer(listener: (session: Session) => void): Server;
    readonly ESME_ROK: number;
    readonly ESME_RINVPASWD: number;
    readonly ESME_RTHROTTLED: number;
    readonly ESME_RINVDSTADR: number;
  };
  export default smpp;
}
