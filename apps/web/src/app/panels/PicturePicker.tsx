import { type ReactElement, useRef, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Crop } from '../media/Crop.tsx';

/** Properties of {@link PicturePicker}. */
export interface PicturePickerProps {
  readonly address: string;
  readonly name: string;
  readonly group?: boolean;
  /** A picture that was chosen and is not published yet. */
  readonly preview?: string | undefined;
  /** Whether there is one that can be taken away. */
  readonly has: boolean;
  readonly choose: (picture: File) => void;
  readonly remove: () => void;
}

/** A big avatar with a camera on it: choose a picture, cut it square, or take it away. */
export function PicturePicker({ address, name, group = false, preview, has, choose, remove }: PicturePickerProps): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File>();
  const what = group ? 'group picture' : 'photo';
  return (
    <div className="picture-picker">
      <button
        type="button"
        className="picture"
        aria-label={has ? `Change ${what}` : `Add ${what}`}
        title={has ? `Change ${what}` : `Add ${what}`}
        onClick={() => input.current?.click()}
      >
        {preview === undefined ? (
          <Avatar address={address} name={name} size="xl" group={group} />
        ) : (
          <span className="avatar" data-size="xl">
            <img src={preview} alt="" />
          </span>
        )}
        <span className="camera" aria-hidden="true">
          <Icon name="camera" />
        </span>
      </button>
      {has && (
        <button type="button" className="button plain" onClick={remove}>
          Remove {what}
        </button>
      )}
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        aria-label={`Picture file for the ${what}`}
        onChange={(event) => {
          setFile(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
      {file !== undefined && <Crop file={file} done={choose} close={() => setFile(undefined)} />}
    </div>
  );
}
