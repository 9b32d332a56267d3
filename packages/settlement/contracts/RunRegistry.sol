// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Who the members of a run are
/// @notice A run is opened once, by signatures of all of its members. What its members say together takes signatures of
/// two thirds of them.
contract RunRegistry is EIP712 {
    bytes32 public constant MEMBERSHIP_TYPE = keccak256("Membership(bytes32 run,bytes32 members)");
    uint256 public constant MOST_MEMBERS = 256;

    /// Number of members; 0: no such run.
    mapping(bytes32 run => uint256) public sizeOf;
    /// Position of a member from 1 on; 0: not a member.
    mapping(bytes32 run => mapping(address account => uint256)) public positionOf;
    /// Newest anchored head of each member: height and entry.
    mapping(bytes32 run => mapping(address account => uint64)) public anchoredHeight;

    event Opened(bytes32 indexed run, address[] members);
    event Anchored(bytes32 indexed run, address indexed member, uint64 height, bytes32 entry);

    error AlreadyOpen(bytes32 run);
    error MalformedRun();
    error NotOrdered(address member);
    error NotMember(bytes32 run, address account);
    error TooFewSignatures(uint256 signatures, uint256 needed);
    error NotHigher(uint64 height, uint64 anchored);

    constructor() EIP712("Tempered run", "1") {}

    /// @param run hash of the run's manifest
    /// @param members accounts in ascending order, each once
    /// @param signatures of each of them over `Membership(run, keccak256(members))`
    function open(bytes32 run, address[] calldata members, bytes[] calldata signatures) external {
        if (sizeOf[run] != 0) revert AlreadyOpen(run);
        if (run == 0 || members.length == 0 || members.length > MOST_MEMBERS || members.length != signatures.length)
            revert MalformedRun();
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(MEMBERSHIP_TYPE, run, keccak256(abi.encodePacked(members)))));
        address last = address(0);
        for (uint256 k = 0; k < members.length; k++) {
            address member = members[k];
            if (member <= last) revert NotOrdered(member);
            if (ECDSA.recover(digest, signatures[k]) != member) revert NotMember(run, member);
            positionOf[run][member] = k + 1;
            last = member;
        }
        sizeOf[run] = members.length;
        emit Opened(run, members);
    }

    /// @notice Anchors the head of the sender's own ledger: from now on it existed.
    function anchor(bytes32 run, uint64 height, bytes32 entry) external {
        if (positionOf[run][msg.sender] == 0) revert NotMember(run, msg.sender);
        uint64 before = anchoredHeight[run][msg.sender];
        if (height <= before) revert NotHigher(height, before);
        anchoredHeight[run][msg.sender] = height;
        emit Anchored(run, msg.sender, height, entry);
    }

    /// @notice How many members two thirds are, rounded up.
    function quorumOf(bytes32 run) public view returns (uint256) {
        return (2 * sizeOf[run] + 2) / 3;
    }

    /// @notice The members that have signed a digest, as bits by position. Reverts for a signature of anybody else, and for
    /// two of one member.
    function signersOf(bytes32 run, bytes32 digest, bytes[] calldata signatures) public view returns (uint256 signers) {
        for (uint256 k = 0; k < signatures.length; k++) {
            address account = ECDSA.recover(digest, signatures[k]);
            uint256 position = positionOf[run][account];
            if (position == 0) revert NotMember(run, account);
            uint256 bit = 1 << (position - 1);
            if (signers & bit != 0) revert NotOrdered(account);
            signers |= bit;
        }
    }

    /// @notice As `signersOf`, for what takes two thirds of the members.
    function requireQuorum(bytes32 run, bytes32 digest, bytes[] calldata signatures)
        external
        view
        returns (uint256 signers)
    {
        uint256 needed = quorumOf(run);
        if (needed == 0 || signatures.length < needed) revert TooFewSignatures(signatures.length, needed);
        return signersOf(run, digest, signatures);
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}
